#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Holds the manual against its form: mandoc is silent on every page, every page has its sections in
# the house's order, and every reference to one of our pages leads to a page or a name of one.
# It does not know what the library exports.
#
# usage: man-lint.sh DIRECTORY-OF-THE-PAGES
set -u

dir=${1:?usage: man-lint.sh DIRECTORY}
command -v mandoc >/dev/null || {
    echo "man-lint: no mandoc here, nothing was checked" >&2
    exit 77
}
[ -s "$dir/pages" ] || {
    echo "man-lint: no list $dir/pages" >&2
    exit 1
}

failed=0
complain() {
    echo "man-lint: $*" >&2
    failed=1
}

# Every name a reference may use, as NAME.SECTION.
names=$(awk '!/^#/ { n = split($1, part, "."); print $1
    for (i = 2; i <= NF; i++) print $i "." part[n] }' "$dir/pages")

sections() {
    sed -n 's/^\.SH //p' "$1" | tr -d '"' | paste -sd,
}

house='NAME,LIBRARY,SYNOPSIS,DESCRIPTION,RETURN VALUE,ERRORS,THREADS,EXAMPLES,SEE ALSO'
check_sections() {
    case $1 in
    *.3) [ "$(sections "$1")" = "$house" ] || complain "$1: sections are not $house" ;;
    *) case $(sections "$1") in
        NAME,SYNOPSIS,DESCRIPTION,*EXAMPLES,"SEE ALSO") ;;
        *) complain "$1: sections are $(sections "$1")" ;;
        esac ;;
    esac
}

references() {
    grep -oE '(lib)?ioasid[a-z_]*(\\fP)? ?\([37]\)' "$1" |
        sed 's/\\fP//; s/ //; s/(\([37]\))/.\1/'
}

check_references() {
    for reference in $(references "$1" | sort -u); do
        echo "$names" | grep -qx "$reference" || complain "$1: no page $reference"
    done
}

checked=0
for page in "$dir"/*.[1-8]; do
    [ -e "$page" ] || continue
    [ -s "$page" ] || complain "$page is empty"
    checked=$((checked + 1))
    noise=$(mandoc -T lint -W warning "$page" 2>&1)
    [ -z "$noise" ] || complain "$noise"
    check_sections "$page"
    check_references "$page"
done
[ "$checked" -gt 0 ] || complain "no pages in $dir"
[ "$failed" -eq 0 ] && echo "man-lint: $checked pages"
exit "$failed"
