# SPDX-License-Identifier: MIT
#
# What uml-run and qemu-run have in common, to be sourced: the scratch folder $root, the time limit
# and the verdict on what a kernel wrote to its console. Knows TAP; nothing of either kernel.

here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
console=$root/console
: >"$console"

# find_kernel BUILD: sets $kernel, or ends the plan with a skip where none has been built.
find_kernel() {
    kernel=$("$here/$1" --cached) && return
    echo "1..0 # SKIP no kernel in the cache: tests/kernel/$1 makes one"
    exit 0
}

# limited COMMAND...: KERNEL_SECONDS should end before the caller's patience does.
limited() {
    late=
    timeout -k 5 "${KERNEL_SECONDS:-290}" "$@" </dev/null
    [ $? != 124 ] || late=" in ${KERNEL_SECONDS:-290} s"
}

no_result() {
    echo "Bail out! the kernel left no result$late"
    sed 's/^/# /' "$console"
    exit 1
}

# An oops or a warning of the kernel is a failure, whatever the program thinks. It ends with success
# only if there is none.
judge() {
    grep -E 'BUG:|WARNING:|Oops|Kernel panic' "$console" |
        grep -v 'Attempted to kill init' | sed 's/^/# /' | grep . || return 0
    echo 'Bail out! the kernel complained'
    exit 1
}
