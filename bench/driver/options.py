"""The command line."""

import argparse
import os

from . import lines

TEXT = """usage: ./run bench [OPTIONS]
       ./run bench defer [OPTIONS]   deferred calls and panics only, and docs/defer.md with its picture is written anew

Microbenchmarks of gofer once, then the same work in gofer and in every other runtime that is here, in turn (A B A B),
and tables of medians with their ranges. A runtime that is not here is named with the package that would bring it.

  --rounds N        rounds (3)
  --workers LIST    GOMAXPROCS values, as 1,2 (1, and the number of processors)
  --only LIST       only these, as micro,switch,pingpong:
{names}
  --quick           one round of a twentieth of the work, under 3 minutes: shows that everything runs; its figures mean little
  --with NAME=FILE  one more runtime: a program that takes BENCH WORKERS [N], as bench/common/harness.hpp says, and prints
                    lines "name value unit"; exit status 2 means that it has no such line. May be said again.
  --markdown FILE   writes the tables to FILE as well
  --json FILE       writes every sample, the versions and the machine to FILE
  --plots FOLDER    draws the pictures into FOLDER (SVG): ratios, cost as work grows, deferred calls
  --plot FILE       draws what deferred calls and panics cost to FILE (SVG)
  --diff OLD.json   says what got slower since OLD.json was written, beyond the spread; exit status 1 when something did
  --from FILE.json  measures nothing: takes the samples from FILE.json
  --publish         writes tables and pictures into docs/ and the README
  --help            this

docs/performance.md says what each line is.
"""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"bench: {message}; --help shows the options\n")


def usage():
    names, row = [], "                    "
    for name in lines.NAMES:
        if len(row) + len(name) > 112:
            names.append(row)
            row = "                    "
        row += name + ", "
    return TEXT.format(names="\n".join([*names, row.rstrip(", ")]))


def positive(text):
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"'{text}' is no positive number")
    return int(text)


def positives(text):
    return list(dict.fromkeys(positive(part) for part in text.split(",")))


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in lines.NAMES:
            raise argparse.ArgumentTypeError(f"there is no benchmark '{name}'; there are: {' '.join(lines.NAMES)}")
    return chosen


def added(text):
    name, equals, program = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=FILE")
    if not os.access(program, os.X_OK) or os.path.isdir(program):
        raise argparse.ArgumentTypeError(f"{program} is not a program")
    return name, os.path.abspath(program)


def writable(text):
    try:
        with open(text, "a", encoding="utf-8"):
            pass
    except OSError as e:
        raise argparse.ArgumentTypeError(f"cannot write {text}: {e.strerror}") from e
    return text


def readable(text):
    if not os.access(text, os.R_OK):
        raise argparse.ArgumentTypeError(f"cannot read {text}")
    return text


def parse(arguments):
    processors = len(os.sched_getaffinity(0))
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("what", nargs="?", choices=["defer"])
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--rounds", type=positive)
    parser.add_argument("--workers", type=positives, default=sorted({1, processors}))
    parser.add_argument("--only", type=names, default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--with", type=added, action="append", default=[], dest="with_programs")
    parser.add_argument("--markdown", type=writable)
    parser.add_argument("--json", type=writable)
    parser.add_argument("--plots")
    parser.add_argument("--plot", type=writable)
    parser.add_argument("--diff", type=readable)
    parser.add_argument("--from", type=readable, dest="source")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args(arguments)
    if options.help:
        print(usage(), end="")
        raise SystemExit(0)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.added = [name for name, _ in options.with_programs]
    if options.what == "defer":
        options.only = ["defer"]
    if options.publish and options.quick:
        parser.error("--publish wants figures that may be quoted, not --quick's")
    return options
