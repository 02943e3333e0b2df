#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One list of public functions in four places: what the headers declare, what the symbol map names,
# what the shared library exports and what the static library has as globals. Any difference fails,
# and so does any of them missing or empty. The shared library needs libc alone, and nothing in the
# library can end the process, print, or read the environment but by secure_getenv().
#
#   symbols.sh [--sanitized] MAP SHARED STATIC HEADER...
#
# A sanitized library needs the sanitizer's, too: then what it needs is not looked at.

set -eu
export LC_ALL=C

failed=0
complain() {
    echo "symbols: $*" >&2
    failed=1
}

sanitized=
if [ "${1-}" = --sanitized ]; then
    sanitized=1
    shift
fi
[ $# -ge 4 ] || { echo "usage: symbols.sh MAP SHARED STATIC HEADER..." >&2; exit 2; }
map=$1 shared=$2 static=$3
shift 3
for file in "$map" "$shared" "$static" "$@"; do
    [ -s "$file" ] || { complain "$file is missing or empty"; exit 1; }
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The code of headers: without comments and preprocessor lines.
code() {
    awk '
        /\\$/ && (directive || /^[ \t]*#/) { directive = 1; next }
        directive || /^[ \t]*#/ { directive = 0; next }
        {
            line = $0
            while (line != "") {
                if (comment) {
                    end = index(line, "*/")
                    if (!end)
                        break
                    line = substr(line, end + 2)
                    comment = 0
                } else {
                    start = index(line, "/*")
                    printf "%s ", start ? substr(line, 1, start - 1) : line
                    comment = start
                    line = start ? substr(line, start + 2) : ""
                }
            }
            print ""
        }' "$@"
}

code "$@" | grep -o 'ioasid_[a-z0-9_]*(' | tr -d '(' | sort >"$scratch/headers" || :
sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\);.*/\1/p' "$map" | sort >"$scratch/map"
nm -D --defined-only "$shared" >"$scratch/nm-shared"
awk '$2 != "A" { print $3 }' "$scratch/nm-shared" | sed 's/@.*//' | sort >"$scratch/shared"
nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | sort >"$scratch/static"

for list in headers map shared static; do
    [ -s "$scratch/$list" ] || complain "no names at all in the $list"
    twice=$(uniq -d "$scratch/$list")
    [ -z "$twice" ] || complain "twice in the $list:" $twice
done
for list in map shared static; do
    missing=$(comm -23 "$scratch/headers" "$scratch/$list")
    extra=$(comm -13 "$scratch/headers" "$scratch/$list")
    [ -z "$missing" ] || complain "declared, but not in the $list:" $missing
    [ -z "$extra" ] || complain "not declared, but in the $list:" $extra
done

unversioned=$(awk '$2 != "A" && $3 !~ /@@LIBIOASID_[0-9.]+$/ { print $3 }' "$scratch/nm-shared")
[ -z "$unversioned" ] || complain "without a version:" $unversioned

readelf -d "$shared" >"$scratch/dynamic"
needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$scratch/dynamic" | sort | tr '\n' ' ')
soname=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' "$scratch/dynamic")
[ -n "$sanitized" ] || [ "$needed" = 'libc.so.6 ' ] || complain "needs other than libc: $needed"
[ "$soname" = libioasid.so.0 ] || complain "the soname is \"$soname\""

nm -u "$static" | awk '{ print $NF }' | sort >"$scratch/undefined"
[ -s "$scratch/undefined" ] || complain "the static library refers to nothing at all"
barred=$(grep -E -x '_?_?exit|_Exit|quick_exit|abort|raise|kill|getenv|setenv|putenv|environ|stdout|stderr|v?printf|puts|putchar|perror|v?syslog|signal|sigaction|system|popen|fork|at_?exit|setlocale' \
    "$scratch/undefined" || :)
[ -z "$barred" ] || complain "what a library must not call:" $barred

[ $failed = 0 ] && echo "symbols: $(wc -l <"$scratch/headers") public functions, everywhere the same"
exit $failed
