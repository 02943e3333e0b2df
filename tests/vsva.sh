#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What vsva promises: the copy is the file, byte for byte; the last line tells the truth; what the
# processor touched first the device never asks for; an invalidation that is forgotten is seen, with
# PASID and address; what cannot be done is refused with words and leaves nothing behind.
#
#   vsva.sh PROGRAM sizes|shapes|forget|usage|refusals

set -eu
. "$(dirname "$0")/copykit.sh"

# The processor touches eight of the pages of each window of 64, every other one from the first on.
# touched BYTES: pages of FILE and of OUT
touched() {
    windows=$(($1 / 262144))
    rest=$((($1 % 262144 + 4095) / 4096))
    last=$(((rest + 1) / 2))
    echo $((2 * (8 * windows + (last < 8 ? last : 8))))
}

# The last line has the numbers that it must have for so many bytes.
check_summary() {
    n='[0-9]+'
    tail -n 1 summary | grep -Eqx "$n bytes, $n pages requested, $n groups, \
$n pages touched before, $n of them requested, $n processor faults, $n invalidations, \
$n\.[0-9]{3} s, $n\.[0-9] MiB/s" || fail 'the last line is not a summary'
    pages=$((2 * (($1 + 4095) / 4096))) # each is read once and written once
    touched=$(touched "$1")
    [ "$(number bytes)" -eq "$1" ] || fail "not $1 bytes"
    [ "$(number 'pages touched before')" -eq "$touched" ] || fail "not $touched pages touched"
    [ "$(number 'of them requested')" -eq 0 ] || fail 'pages requested that were there'
    # the device asks once for each page that the processor did not touch
    [ "$(number 'pages requested')" -eq $((pages - touched)) ] ||
        fail "not $((pages - touched)) pages requested"
    [ "$(number 'processor faults')" -ge "$touched" ] || fail 'too few processor faults'
    # whatever came went, and each time that was said
    [ "$(number invalidations)" -eq $(($(number 'pages requested') + $(number 'processor faults'))) ] ||
        fail 'what came is not what went'
}

sizes() {
    for size in 0 1 4095 4096 4097 65536 262143 262144 262145 "$(scaled 5000011 600011)"; do
        make file $size
        copy file
    done
}

shapes() {
    make file "$(scaled 4194304 1000000)"
    copy file --processes 1
    copy file -p 5 -f 48
    copy file --processes=16 --frames=4096
    printf 'a name with spaces' >'-a name'
    copy './-a name' -p 2
}

# Whichever is forgotten, if only the device used the page, and uses the address again before that is
# invalidated anew. In one process the order is known: in each window the sixteen pages go first
# that the processor touched, of FILE and of OUT in turn; those of OUT come back once more.
forget() {
    make file "$(scaled 4194304 1500000)"
    refuse 1 'stale: under PASID [12] .* address 0x7f1000000000: an invalidation is missing' \
        file -o copy --forget-invalidation
    for nth in 1 3 15 17 64 65 72 100 137 170; do
        refuse 1 'stale: under PASID 1 .* address 0x7f10000[0-7][0-9a-f]000: an invalidation' \
            file -o copy -p 1 --forget-invalidation=$nth
    done
    for nth in 2 80; do
        refuse 1 'nothing stale was used' file -o copy -p 1 --forget-invalidation=$nth
    done
    refuse 1 'stale: under PASID 1 ' file -o copy -p 1 -f 4096 --forget-invalidation
    # nothing comes after it
    make small 4096
    refuse 1 'nothing stale was used' small -o copy --forget-invalidation=2
    refuse 1 'no invalidation number 3' small -o copy --forget-invalidation=3
}

# What the command line alone is enough to refuse.
usage() {
    make file 10000
    refuse 2 'which FILE'
    refuse 2 'which FILE' -o copy
    refuse 2 'where to' file
    refuse 2 'more than one' file file2 -o copy
    refuse 2 'help' file -o copy --bogus
    refuse 2 'help' file -o
    for number in 0 -1 17 4x x '' ' 4' 99999999999999999999; do
        refuse 2 'from 1 to 16' file -o copy --processes "$number"
    done
    for number in 0 47 4097 many; do
        refuse 2 'from 48 to 4096' file -o copy --frames "$number"
    done
    refuse 2 'not a number' file -o copy --forget-invalidation=0
    refuse 2 'not a number' file -o copy --forget-invalidation=first
    "$program" --help >summary || fail 'no help'
    grep -q -e --forget-invalidation summary || fail 'help does not help'
}

refusals() {
    make file 10000
    mkdir directory
    printf precious >kept
    refuse 1 'missing: .*No such file' missing -o copy
    refuse 1 'directory: is a directory' directory -o copy
    refuse 1 'directory: is a directory' file -o directory
    refuse 1 'same file' file -o file
    refuse 1 'No such file' file -o nowhere/copy
    # a file that says it is empty, and is not
    refuse 1 'more bytes' /proc/version -o kept
    # what goes wrong in the middle leaves OUT as it was
    make file 1000000
    refuse 1 'stale' file -o kept --forget-invalidation
    [ "$(cat kept)" = precious ] || fail 'a failed run changed OUT'
}

run_part sizes shapes forget usage refusals
