#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What fault-relay promises: the copy is the file, byte for byte; the last line tells the truth;
# what cannot be done is refused with words and leaves nothing behind, and so does a signal.
#
#   fault-relay.sh PROGRAM sizes|shapes|vtd|smmuv3|amd|out|links|signals|usage|refusals

set -eu
. "$(dirname "$0")/copykit.sh"

# The last line has the numbers that it must have for so many bytes.
check_summary() {
    time='[0-9]+\.[0-9]'
    tail -n 1 summary | grep -Eqx "[0-9]+ bytes, [0-9]+ faults, [0-9]+ groups, [0-9]+ pages, \
$time{2}[0-9]+ s, $time MiB/s, fault to answer in us: p50 $time p90 $time p99 $time max $time" ||
        fail 'the last line is not a summary'
    pages=$((2 * (($1 + 4095) / 4096))) # each is read once and written once
    [ "$(number bytes)" -eq "$1" ] || fail "not $1 bytes"
    [ "$(number pages)" -ge $pages ] || fail "fewer than $pages pages"
    [ "$(number faults)" -ge "$(number groups)" ] || fail 'fewer faults than groups'
    [ "$pages" = 0 ] || [ "$(number groups)" -gt 0 ] || fail 'no groups'
}

mode=

sizes() {
    for size in 0 1 4095 4096 4097 65536 "$(scaled 1000003 100003)"; do
        make file $size
        copy file $mode
    done
}

shapes() {
    make file "$(scaled 10485760 65536)"
    copy file --devices 4 --pages-per-group 8 $mode
    copy file --devices=1 --pages-per-group=1 $mode
    copy file -d 64 -p 3 $mode
    make file "$(scaled 300000 40000)"
    copy file --devices 128 --pages-per-group 512 $mode
    printf 'a name with spaces' >'-a name'
    copy './-a name' -d 2 $mode
}

# Large enough that the guest must use the memory of its page tables again.
large() {
    truncate -s "$(scaled 83886080 65536)" file
    copy file -d 1 -p 64 $mode
}

# in_mode MODE: with page tables of the guest's
in_mode() {
    mode="--mode $1"
    sizes
    shapes
    large
}

vtd() { in_mode vtd; }
smmuv3() { in_mode smmuv3; }
amd() { in_mode amd; }

# onto OUT: must work
onto() {
    "$program" file --output "$1" >summary 2>errors || fail "exit status $? for $1"
}

# replaced MODE: a file of this mode keeps it
replaced() {
    echo old >old
    chmod "$1" old
    onto old
    cmp file old || fail 'the file was not replaced'
    [ "$(stat -c %a old)" = "$1" ] || fail "the mode of the file was not kept, $1"
    rm old
}

# What becomes of the mode of a file that is there already, whatever the umask.
out() {
    make file 10000
    (umask 077 && replaced 666 && replaced 755)
    (umask 0 && replaced 600)
    (umask 027 && onto new)
    [ "$(stat -c %a new)" = 640 ] || fail 'a new file has not the mode that the umask leaves'
    [ "$(ls)" = "$(printf 'errors\nfile\nnew\nsummary')" ] || fail 'more files than there were'
}

# followed LINK TARGET: what is written is the target, and the links stay
followed() {
    onto "$1"
    [ -L "$1" ] || fail "$1 is no link any more"
    [ -f "$2" ] && [ ! -L "$2" ] || fail "$1 was not followed"
    cmp file "$2" || fail "the copy by way of $1 differs"
}

links() {
    make file 10000
    mkdir -p there/deeper
    echo old >there/old
    ln -s there/old link
    followed link there/old
    # links that end where there is no file yet: seen from their own directory, and in a row
    ln -s new dangling
    followed dangling new
    ln -s deeper/new there/dangling
    followed there/dangling there/deeper/new
    ln -s "$scratch/there/absolute" there/deeper/second
    ln -s there/deeper/second first
    followed first there/absolute
    [ -L there/deeper/second ] || fail 'the second link is no link any more'
    [ -z "$(find . -name '*.part')" ] || fail 'a part was left behind'
    ln -s nowhere/new astray
    refuse 1 'No such file' file -o astray
    ln -s loop loop
    ln -s back forth
    ln -s forth back
    refuse 1 'loop: .*Too many levels' file -o loop
    refuse 1 'forth: .*Too many levels' file -o forth
    [ -L loop ] && [ -L forth ] || fail 'a link was replaced'
    refuse 1 'file/copy: .*Not a directory' file -o file/copy
}

# begun PID: it has created its part and has begun to fill it. It need not be quick.
begun() {
    for _ in $(seq 600); do
        written=$(stat -c %b "copy.$1.part" 2>gone || echo 0)
        [ "$written" = 0 ] || return 0
        sleep 0.1
    done
    kill -KILL "$1"
    fail 'it does not begin'
}

# ended SIGNAL NUMBER: it ends by the signal and takes its part along
ended() {
    # what a shell starts in the background ignores some signals
    env --default-signal="$1" "$program" huge -o copy >summary 2>errors &
    pid=$!
    begun $pid
    kill -s "$1" $pid
    status=0
    wait $pid || status=$?
    [ $status = $((128 + $2)) ] || fail "exit status $status after SIG$1"
    [ ! -e copy ] || fail "there is half a copy after SIG$1"
    [ ! -e copy.$pid.part ] || fail "the part was left behind after SIG$1"
}

signals() {
    # a hole that would take long to copy
    truncate -s 16G huge || { echo 'fault-relay: skipped, no file is that large here'; exit 77; }
    ended HUP 1
    ended INT 2
    ended TERM 15
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
    for number in 0 -1 129 4x x '' ' 4' 99999999999999999999; do
        refuse 2 'from 1 to 128' file -o copy --devices "$number"
    done
    for number in 0 513 eight; do
        refuse 2 'from 1 to 512' file -o copy --pages-per-group "$number"
    done
    refuse 2 'no such mode: vtD' file -o copy --mode vtD
    refuse 2 'no such mode' file -o copy -m ''
    "$program" --help >summary || fail 'no help'
    grep -q -e --pages-per-group summary || fail 'help does not help'
}

refusals() {
    make file 10000
    mkdir directory
    mkfifo fifo
    ln file other
    printf precious >kept
    refuse 1 'missing: .*No such file' missing -o copy
    refuse 1 'directory: is a directory' directory -o copy
    refuse 1 'directory: is a directory' file -o directory
    refuse 1 'fifo: is not a regular file' fifo -o copy
    refuse 1 'fifo: is not a regular file' file -o fifo
    refuse 1 'same file' file -o file
    refuse 1 'same file' file -o other
    refuse 1 'No such file' file -o nowhere/copy
    # no more than 2 KiB may be written
    (trap '' XFSZ && ulimit -f 4 && refuse 1 'File too large' file -o copy)
    # a file that says it is empty, and is not
    refuse 1 'more bytes' /proc/version -o kept
    [ "$(cat kept)" = precious ] || fail 'a failed run changed OUT'
}

run_part sizes shapes vtd smmuv3 amd out links signals usage refusals
