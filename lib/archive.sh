#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the static library that is installed: one object, in which only the names of the symbol map
# are global, so that a program may have a list_append() of its own.
#
#   archive.sh MAP OUTPUT AR OBJCOPY OBJECT... -- LINKER...

set -eu

map=$1 output=$2 ar=$3 objcopy=$4
shift 4

objects=
while [ "$1" != -- ]; do
    objects="$objects $1"
    shift
done
shift

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sed -n 's/^[[:space:]]*\(ioasid_[a-z0-9_]*\);$/\1/p' "$map" >"$scratch/names"
if ! [ -s "$scratch/names" ]; then
    echo "$0: no names in $map" >&2
    exit 1
fi

# $objects is a list of words: meson's paths have no blanks
"$@" -o "$scratch/ioasid.o" $objects
"$objcopy" --keep-global-symbols="$scratch/names" "$scratch/ioasid.o"
rm -f "$output"
"$ar" rcsD "$output" "$scratch/ioasid.o"
