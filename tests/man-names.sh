#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Holds the manual against the library: every exported symbol stands in the NAME section of exactly
# one page, no page names what is not exported, and the list of pages, which becomes the installed
# files and links, has the same names. It reads no C.
#
# usage: man-names.sh DIRECTORY-OF-THE-PAGES SYMBOL-MAP
set -u

dir=${1:?usage: man-names.sh DIRECTORY MAP}
map=${2:?usage: man-names.sh DIRECTORY MAP}

failed=0
complain() {
    echo "man-names: $*" >&2
    failed=1
}
for input in "$map" "$dir/pages"; do
    [ -s "$input" ] || {
        echo "man-names: $input is missing or empty" >&2
        exit 1
    }
done

# What the NAME section says before the dash, a name a line.
named() {
    sed -n '/^\.SH NAME/,/^\.SH [^N]/{ s/ \\- .*//; /^\./!p; }' "$1" | tr -d ' ' | tr ',' '\n'
}

symbols=$(sed -n '/global:/,/local:/s/^[[:space:]]*\(ioasid_[a-z0-9_]*\);.*/\1/p' "$map")
[ -n "$symbols" ] || complain "$map exports nothing"

pages=$(ls "$dir" | grep '\.[1-8]$')
[ -n "$pages" ] || complain "no pages in $dir"

all=$(for page in $pages; do named "$dir/$page"; done)
for symbol in $symbols; do
    count=$(echo "$all" | grep -cx "$symbol")
    [ "$count" -eq 1 ] || complain "$symbol is in the NAME section of $count pages"
done

# A page may be found by its own name and by exported ones, and by what the list says.
check_page() {
    own=${1%.*}
    names=$(named "$dir/$1" | sort)
    listed=$(awk -v page="$1" -v own="$own" '$1 == page {
        print own; for (i = 2; i <= NF; i++) print $i }' "$dir/pages" | sort)
    [ -n "$names" ] || complain "$1 has no NAME section"
    [ "$names" = "$listed" ] || complain "$1 names" $names "but the list has" $listed
    for name in $names; do
        [ "$name" = "$own" ] || echo "$symbols" | grep -qx "$name" ||
            complain "$1 names $name, which is not exported"
    done
}
for page in $pages; do
    check_page "$page"
done

for page in $(sed '/^#/d; s/ .*//' "$dir/pages"); do
    [ -s "$dir/$page" ] || complain "the list has $page, which is missing or empty"
done
[ "$failed" -eq 0 ] &&
    echo "man-names: $(echo "$symbols" | wc -l) symbols in $(echo "$pages" | wc -l) pages"
exit "$failed"
