#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header compiles alone, and twice over, in a strict dialect and with every warning an
# error: what a user's own build may ask of it.
#
#   headers.sh LANGUAGE STANDARD INCLUDE-DIR COMPILER... -- HEADER...

set -eu

[ $# -ge 5 ] || { echo "usage: headers.sh LANGUAGE STANDARD DIR COMPILER... -- HEADER..." >&2; exit 2; }
language=$1 standard=$2 include=$3
shift 3

compiler=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    compiler="$compiler $1"
    shift
done
[ $# -ge 2 ] || { echo "headers: no headers" >&2; exit 2; }
shift

warnings='-Wall -Wextra -pedantic -Wundef -Wconversion -Wwrite-strings -Wpointer-arith'
# -Wshadow: a structure named like a function, as stat, is a constructor to C++
[ "$language" = c++ ] ||
    warnings="$warnings -Wshadow -Wstrict-prototypes -Wmissing-prototypes"

failed=0
for header in "$@"; do
    name=ioasid/$(basename "$header")
    if ! [ -s "$header" ]; then
        echo "headers: $header is missing or empty" >&2
        failed=1
        continue
    fi
    # $compiler and $warnings are lists of words
    printf '#include <%s>\n#include <%s>\nextern int used;\nint used;\n' "$name" "$name" |
        $compiler -x "$language" -std="$standard" $warnings -Werror -I"$include" \
            -fsyntax-only - || {
        echo "headers: $name does not compile alone as $standard" >&2
        failed=1
    }
done
exit $failed
