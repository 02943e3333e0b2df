#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs bench-fault, then counts the instructions of a fault by callgrind: with few and with many
spaces, with few and with many groups that wait for an answer at a time.

    RESULT fault-instructions 4579 instructions
    RESULT fault-scale-spaces-instructions 1.06 x
    RESULT fault-scale-outstanding-instructions 1.00 x

With -v also where they went.

    bench-fault.py [-v] [--full] PROGRAM
"""

import pathlib
import re
import subprocess
import sys
import tempfile

COUNTED = 5000  # as in bench-fault.c
SCALES = {"spaces": (10, 100000), "outstanding": (10, 60000)}


def profile(program, what, n, loud):
    """Instructions of COUNTED faults."""
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch, "out")
        subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
             "--instr-atstart=no", "--collect-atstart=no", program, "count", what, str(n)],
            check=True)
        if loud:
            subprocess.run(["callgrind_annotate", "--threshold=90", out], check=True)
        summary = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
        return int(summary.group(1)) if summary else 0


def count(program, what, n, loud):
    each = profile(program, what, n, loud) / COUNTED
    if not each:
        sys.exit("bench-fault: nothing was counted: built without valgrind/callgrind.h?")
    print(f"# {n} {what}: {each:.0f} instructions a fault", flush=True)
    return each


def main():
    args = sys.argv[1:]
    loud = "-v" in args
    full = [arg for arg in args if arg == "--full"]
    rest = [arg for arg in args if arg not in ("-v", "--full")]
    if len(rest) != 1:
        sys.exit("usage: bench-fault.py [-v] [--full] PROGRAM")
    subprocess.run(rest + full, check=True)
    for what, (few, many) in SCALES.items():
        base = count(rest[0], what, few, loud)
        grown = count(rest[0], what, many, loud)
        if what == "spaces":
            print(f"RESULT fault-instructions {base:.0f} instructions")
        print(f"RESULT fault-scale-{what}-instructions {grown / base:.2f} x", flush=True)


main()
