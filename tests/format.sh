#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The sources are as clang-format leaves them. Versions differ in taste: only 14 is asked, and
# without it the test is skipped.
#
#   format.sh ROOT

set -eu

[ $# = 1 ] || { echo "usage: format.sh ROOT" >&2; exit 2; }
cd "$1"
[ -s .clang-format ] || { echo "format: .clang-format is missing or empty" >&2; exit 1; }
files=$(find include lib examples tests -name '*.[ch]')
[ -n "$files" ] || { echo "format: no sources" >&2; exit 1; }

for program in clang-format-14 clang-format; do
    if "$program" --version 2>/dev/null | grep -q 'version 14\.'; then
        # $files is a list of words
        exec "$program" --dry-run -Werror $files
    fi
done
echo "format: skipped, there is no clang-format 14"
exit 77
