#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a model in all its states, then shows that it can fail.

In each scenario, a list of macros, Spin must find no error. Then each order, and each thing else
that the model can go without, is left out in turn, and Spin must find one: in the first scenario,
or in the one that the comment behind its number names ("of -DNAME").

    model.py MODEL.pml SCENARIO...     a scenario is "-" or "-DNAME -DNAME"
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DEFINE = re.compile(r"^#define (\w+)\s+(\d+)(?:\s*/\* (?:of (-D\w+))?.*)?$", re.M)
COMMENT = re.compile(r"^\s*/\*.*?\*/", re.M | re.S)  # but for those behind a definition
FOUND = re.compile(r"pan:1: (assertion violated|invalid end state)")
MEGABYTES = "4000"


def run(command, directory):
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, check=False)
    return done.returncode, done.stdout


def verify(model, macros, effort):
    """What the verifier of Spin prints; it is built where it leaves no traces."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in model.parent.glob("*.pml"):
            shutil.copy(file, scratch)
        for step in (["spin", "-a", *macros, model.name],
                     [os.environ.get("CC", "cc"), effort, "-w", "-DSAFETY", "-DCOLLAPSE",
                      "-DVECTORSZ=4096", "-DMEMLIM=" + MEGABYTES, "-o", "pan", "pan.c"],
                     ["./pan", "-m200000", "-w24"]):
            status, output = run(step, scratch)
            if status or "Error" in output:
                sys.exit(f"{' '.join(step)}: {output}")
    return output


def is_complete(output):
    return ("Full statespace search" in output and "Search not completed" not in output
            and "too small" not in output)


def states(output):
    return re.search(r"(\d+) states, stored", output).group(1)


def check_holds(model, macros):
    output = verify(model, macros, "-O2")
    if not is_complete(output) or "errors: 0" not in output:
        sys.exit(f"{model.name} {' '.join(macros)}: {output}")
    print(f"{model.name} {' '.join(macros)}: all of {states(output)} states are good", flush=True)


def check_fails(model, macros, name):
    # it is found soon, and to compile would take longer than that
    output = verify(model, [*macros, "-DWITHOUT=" + name], "-O0")
    found = FOUND.search(output)
    if not found:
        sys.exit(f"{model.name} {' '.join(macros)}: nothing is wrong without {name}: {output}")
    print(f"{model.name} {' '.join(macros)}: without {name}, {found.group(1)}", flush=True)


def removals(model):
    """Names and the macros of their scenario: what is defined before the default of WITHOUT."""
    head = COMMENT.sub("", model.read_text().split("#ifndef WITHOUT")[0])
    found = DEFINE.findall(head)
    numbers = {int(number) for _, number, _ in found} - {0}
    if len(numbers) != len(found):
        sys.exit(f"{model}: the names of what it can go without have a number each, and not 0")
    return [(name, scenario) for name, _, scenario in found]


def check_scenarios(model, scenarios):
    """A macro that the model does not know would be a scenario that is there twice."""
    for macro in {macro for macros in scenarios for macro in macros}:
        if not re.search(r"^#if.*\b%s\b" % macro[2:], model.read_text(), re.M):
            sys.exit(f"{model}: no scenario {macro}")


def main():
    model = pathlib.Path(sys.argv[1])
    scenarios = [[] if s == "-" else s.split() for s in sys.argv[2:]]
    names = removals(model)
    if not names:
        sys.exit(f"{model}: there is nothing that it can go without")
    check_scenarios(model, scenarios + [[scenario] for _, scenario in names if scenario])
    for macros in scenarios:
        check_holds(model, macros)
    for name, scenario in names:
        check_fails(model, [scenario] if scenario else scenarios[0], name)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: model.py MODEL.pml SCENARIO...")
    main()
