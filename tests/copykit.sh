# SPDX-License-Identifier: MIT
#
# For tests of programs that copy FILE to OUT: files to copy, and what must be so if a copy works and
# if it does not. To be sourced with PROGRAM and PART as arguments; then it is in a scratch
# directory, $program is the program, and run_part PART... does what is asked for.
# SUPPORT_SCALE (percent) makes the files smaller for slow tools.

[ $# = 2 ] || { echo "usage: ${0##*/} PROGRAM PART" >&2; exit 2; }
program=$(realpath -e "$1")
part=$2
scratch=$(mktemp -d)
cd "$scratch"

fail() {
    echo "${program##*/}: $part: $*" >&2
    for log in summary errors; do
        [ ! -s $log ] || sed "s/^/    $log: /" $log >&2
    done
    exit 1
}

# scaled SIZE LEAST
scaled() {
    size=$(($1 / 100 * ${SUPPORT_SCALE:-100}))
    echo $((size > $2 ? size : $2))
}

# make NAME SIZE: random bytes
make() {
    head -c "$2" /dev/urandom >"$1"
    [ "$(wc -c <"$1")" -eq "$2" ] || fail "cannot make $2 bytes"
}

# number WORDS: the number in front of the words in the last line
number() {
    tail -n 1 summary | sed -n "s/^\(.*, \)*\([0-9][0-9]*\) $1,.*/\2/p"
}

# copy FILE OPTION...: must work. check_summary BYTES is the test's own.
copy() {
    file=$1
    shift
    rm -f copy
    "$program" "$file" -o copy "$@" >summary 2>errors || fail "exit status $? for $file $*"
    cmp "$file" copy || fail "the copy of $file differs, $*"
    [ ! -s errors ] || fail "words on standard error for $file $*"
    check_summary "$(wc -c <"$file")"
}

# refuse STATUS WORDS ARGUMENT...: must fail with these words and leave no file behind
refuse() {
    expected=$1 words=$2
    shift 2
    rm -f summary errors
    before=$(ls -A)
    status=0
    "$program" "$@" >"$scratch.out" 2>"$scratch.err" || status=$?
    mv "$scratch.out" summary && mv "$scratch.err" errors
    [ $status = "$expected" ] || fail "exit status $status, not $expected, for: $*"
    grep -q -e "$words" errors || fail "no word of '$words' for: $*"
    rm summary errors
    [ "$(ls -A)" = "$before" ] || fail "something was left behind by: $*"
}

# run_part PART...: the one that was asked for, if it is among them. In a subshell instead of with a
# trap: dash loses the memory of one, and valgrind tells.
run_part() {
    set +e
    (
        set -e
        case " $* " in
        *" $part "*) "$part" ;;
        *) fail 'there is no such part' ;;
        esac
    )
    status=$?
    rm -rf "$scratch" "$scratch".*
    exit $status
}
