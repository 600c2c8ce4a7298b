#!/usr/bin/env python3
"""Counts the instructions of guard's loops under callgrind and holds them against the committed figures.

A clock on a busy machine cannot tell a slow-down of five percent from the neighbours; a count of instructions is the same
each time, within a thousandth. It says nothing of cache misses and system calls: ./run bench is for those.

usage: check.py PROGRAM FIGURES COMPILER [--update]

FIGURES has a line `COMPILER NAME INSTRUCTIONS` for each. More than TOLERANCE above a figure fails; as much below passes and
says that the figure should follow. Exit status 77: no figures for this compiler, or no valgrind. --update writes what is counted.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 0.03
SLACK = 0.5  # of an instruction, for what takes only a handful
SKIPPED = 77


def counts(program):
    """{name: instructions for one operation, in the cheapest of its rounds}"""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out"), program]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"valgrind ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        found = {}
        for path in glob.glob(os.path.join(folder, "out.*")):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            trigger = re.search(r"^desc: Trigger: Client Request: (\S+) (\d+)$", text, re.M)
            total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
            if trigger and total:
                name, each = trigger.group(1), int(total.group(1)) / int(trigger.group(2))
                found[name] = min(each, found.get(name, each))
        return found


def read(path):
    """([lines that are no figures], {compiler: {name: instructions}})"""
    comments, figures = [], {}
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("#") or not line:
                comments.append(line)
            else:
                compiler, name, value = line.split()
                figures.setdefault(compiler, {})[name] = float(value)
    return comments, figures


def update(path, compiler, now):
    comments, figures = read(path)
    figures[compiler] = now
    lines = comments + [f"{c} {name} {value:.1f}" for c in sorted(figures) for name, value in sorted(figures[c].items())]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    if len(arguments) != 3:
        sys.exit(__doc__)
    program, path, compiler = arguments
    how = f"{sys.executable} {os.path.abspath(__file__)} {program} {path} {compiler} --update"
    if not shutil.which("valgrind"):
        print("valgrind is not here")
        return SKIPPED
    before = read(path)[1].get(compiler)
    if not before and "--update" not in sys.argv:
        print(f"there are no figures for {compiler}; this writes them: {how}")
        return SKIPPED
    now = counts(program)
    if not now:
        sys.exit("callgrind has counted nothing")
    if "--update" in sys.argv:
        update(path, compiler, now)
        before = now
    worse, better = [], []
    print(f"{'instructions for one':22}{'figure':>10}{'now':>10}")
    for name in sorted({*before, *now}):
        if name not in now or name not in before:
            worse.append(name)
            print(f"{name:22} is only {'counted' if name in now else 'in the figures'}")
            continue
        print(f"{name:22}{before[name]:10.1f}{now[name]:10.1f}{(now[name] / before[name] - 1) * 100:+8.1f}%")
        if now[name] > before[name] * (1 + TOLERANCE) + SLACK:
            worse.append(name)
        elif now[name] < before[name] * (1 - TOLERANCE) - SLACK:
            better.append(name)
    if better:
        print(f"cheaper now: {', '.join(better)}. Update the figures: {how}")
    if worse:
        print(f"dearer now: {', '.join(worse)}. If that is the price of something, update the figures and say so in the commit: {how}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
