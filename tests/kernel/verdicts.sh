#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What uml-run and qemu-run call a failure: a runner that cannot fail proves nothing. A program that
# passes on a kernel that complains, one that fails and one that leaves nothing are told apart.
#
#   verdicts.sh uml|qemu COMPLAIN

set -u
here=$(cd "$(dirname "$0")" && pwd)
kind=${1:?usage: verdicts.sh uml|qemu COMPLAIN} complain=${2:?}
"$here/$kind-build" --cached >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# gives STATUS WORDS PROGRAM
gives() {
    local status
    "$here/$kind-run" "$3" >"$scratch/output" 2>&1
    status=$?
    [ "$status" = "$1" ] && grep -q "^$2" "$scratch/output" && return
    echo "$3: $status, not $1, or no \"$2\" in:"
    cat "$scratch/output"
    failed=1
}

gives 1 'Bail out! the kernel complained' "$complain"
if [ "$kind" = uml ]; then
    echo 'this cannot be executed' >"$scratch/none"
    gives 1 'Bail out! the kernel left no result' "$scratch/none"
else
    # this machine has a shell
    printf '#!/bin/busybox sh\necho said before it failed\nexit 3\n' >"$scratch/fails"
    gives 3 'said before it failed' "$scratch/fails"
    export KERNEL_SECONDS=1
    gives 1 'Bail out! the kernel left no result in 1 s' "$scratch/fails"
fi
exit "$failed"
