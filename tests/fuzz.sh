#!/bin/sh
# SPDX-License-Identifier: MIT
#
# One of libFuzzer's programs, for FUZZ_SECONDS (30), from the inputs that are kept for it. What it
# finds that is new is thrown away; an input that breaks something is left beside the program. With
# no program it is skipped: this compiler has no libFuzzer.
#
#   fuzz.sh [PROGRAM CORPUS]

set -eu

if [ $# = 0 ]; then
    echo "fuzz: skipped, this compiler has no libFuzzer: configure with CC=clang" >&2
    exit 77
fi
[ $# = 2 ] || { echo "usage: fuzz.sh [PROGRAM CORPUS]" >&2; exit 2; }
program=$1 corpus=$2

[ -x "$program" ] || { echo "fuzz: $program cannot be run" >&2; exit 1; }
[ -n "$(ls "$corpus" 2>/dev/null)" ] || { echo "fuzz: $corpus is missing or empty" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# the first folder is the one that it writes to
"$program" -max_total_time="${FUZZ_SECONDS:-30}" -max_len=2048 -timeout=20 -rss_limit_mb=1024 \
    -print_final_stats=1 -verbosity=1 -artifact_prefix="$program-" "$scratch" "$corpus"
