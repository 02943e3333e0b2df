#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's example is the program that is built and run: its one block of C is quickstart.c.
#
#   readme-example.sh README.md quickstart.c

set -eu

[ $# = 2 ] || { echo "usage: readme-example.sh README.md EXAMPLE" >&2; exit 2; }
for file; do
    [ -s "$file" ] || { echo "readme-example: $file is missing or empty" >&2; exit 1; }
done
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
awk '/^```/ { inside = $0 == "```c"; blocks += inside; next }
    inside { print }
    END { exit blocks != 1 }' "$1" >"$scratch" ||
    { echo "readme-example: $1 has not one block of C" >&2; exit 1; }
diff -u "$2" "$scratch" || { echo "readme-example: $1 shows something else" >&2; exit 1; }
