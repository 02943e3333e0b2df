#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every function that the library exports is used in an example.
#
#   examples-cover.sh MAP EXAMPLES-DIR

set -eu

[ $# = 2 ] || { echo "usage: examples-cover.sh MAP EXAMPLES" >&2; exit 2; }
names=$(sed -n 's/^[[:space:]]*\(ioasid_[a-z0-9_]*\);.*/\1/p' "$1")
[ -n "$names" ] || { echo "examples-cover: no names in $1" >&2; exit 1; }
sources=$(find "$2" -name '*.c')
[ -n "$sources" ] || { echo "examples-cover: no examples in $2" >&2; exit 1; }

missing=0
for name in $names; do
    # $sources is a list of words
    if ! grep -q "\b$name(" $sources; then
        echo "examples-cover: no example uses $name()" >&2
        missing=1
    fi
done
exit $missing
