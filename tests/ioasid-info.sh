#!/bin/sh
# SPDX-License-Identifier: MIT
#
# ioasid-info says something sensible on any machine, to people and to programs.
#
#   ioasid-info.sh PROGRAM text|json|usage

set -eu
program=$1

fail() {
    echo "ioasid-info: $*" >&2
    exit 1
}

# ended STATUS COMMAND...: with that status.
ended() {
    expected=$1
    shift
    status=0
    "$@" || status=$?
    [ "$status" = "$expected" ] || fail "$* ended with $status, not $expected"
}

case $2 in
text)
    text=$(ended 0 "$program")
    for words in backends iommufd mock 'delivers page requests' 'usable addresses' devices; do
        case $text in
        *"$words"*) ;;
        *) fail "it does not speak of: $words" ;;
        esac
    done
    ;;
json)
    ended 0 "$program" --json | python3 -c '
import json, sys
told = json.load(sys.stdin)
backends = {backend["name"]: backend for backend in told["backends"]}
assert backends["mock"]["usable"] is True
assert backends["mock"]["abilities"]["delivers_page_requests"] is True
assert backends["mock"]["usable_addresses"][0]["first"] == "0x0"
assert backends["iommufd"]["usable"] is True or "ioasid_open" in backends["iommufd"]["why_not"]
assert told["iommu_groups"] >= 0
for device in told["devices"]:
    assert device["device_file"].endswith(device["name"])
'
    ;;
usage)
    ended 2 "$program" --unknown 2>/dev/null
    ended 2 "$program" extra 2>/dev/null
    text=$(ended 1 "$program" --probe /nowhere)
    case $text in
    *'No such file'*) ;;
    *) fail 'it does not say why it has no device' ;;
    esac
    ended 1 "$program" --json >/dev/full || fail 'a full disk goes unnoticed'
    ;;
*)
    fail "no such part: $2"
    ;;
esac
