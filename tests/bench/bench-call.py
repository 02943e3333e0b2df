#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions of a map and of an unmap over the ioctl, which a stub answers.

Callgrind collects while one function of bench-call runs; what the stub took is left out. Prints, for
each kind of call, how many maps were live and how many instructions a call took, first where any
place is taken and any map goes, then where that goes in order:

    RESULT map-instructions 1000 398
    RESULT map-in-order-instructions 1000 382

With -v also where they went.

    bench-call.py [-v] PROGRAM [LIVE...]
"""

import collections
import pathlib
import subprocess
import sys
import tempfile

STUB = "__wrap_ioctl"
KINDS = [("map", "map_once"), ("unmap", "unmap_once"), ("map-anywhere", "place_once")]
ORDERS = [("", "random"), ("-in-order", "queue")]
CALLS = 5000


def costs_of(profile):
    """The instructions of each function by itself, out of callgrind's file, whose lines are the
    name of a function, a cost, or a call, whose cost is the callee's and told there."""
    costs = collections.Counter()
    function, called = None, False
    for line in profile.splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            called = True
        elif function and line[:1].isdigit():
            costs[function] += 0 if called else int(line.split()[1])
            called = False
    return costs


def run(program, function, order, live):
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch, "out")
        subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
             "--compress-strings=no", "--compress-pos=no", f"--toggle-collect={function}",
             program, order, str(live), str(CALLS)], check=True)
        return costs_of(out.read_text())


def measure(program, live, loud):
    for kind, function in KINDS:
        for suffix, order in ORDERS:
            costs = run(program, function, order, live)
            if not costs[function] or not costs[STUB]:
                sys.exit(f"bench-call: {function} or {STUB} was not seen: a stripped program?")
            del costs[STUB]
            if loud:
                for name, cost in costs.most_common(25):
                    print(f"# {cost / CALLS:7.1f} {name}")
            each = sum(costs.values()) / CALLS
            print(f"RESULT {kind}{suffix}-instructions {live} {each:.0f}", flush=True)


def main():
    args = sys.argv[1:]
    loud = args[:1] == ["-v"]
    if len(args) <= loud:
        sys.exit("usage: bench-call.py [-v] PROGRAM [LIVE...]")
    for live in args[loud + 1:] or ["1000"]:
        measure(args[loud], int(live), loud)


main()
