"""The samples of one run, their medians and spreads, and the file that holds them."""

import json
import statistics
from dataclasses import dataclass, field

from .lines import more_is_better

FORMAT = 1


@dataclass
class Figure:
    """One line of one partner: every sample of it."""

    bench: str
    unit: str
    values: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    @property
    def spread(self):
        """Half the range, as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


class Results:
    def __init__(self, about):
        self.about = about  # machine, versions, options
        self.figures = {}  # (line, workers, partner): Figure, in the order of measuring
        self.growth = {}  # (line, n, partner): Figure
        self.micro = []  # (name, ns)

    def add(self, bench, line, workers, partner, unit, value):
        self.figures.setdefault((line, workers, partner), Figure(bench, unit)).values.append(value)

    def add_growth(self, line, n, partner, unit, value):
        self.growth.setdefault((line, n, partner), Figure("growth", unit)).values.append(value)

    def rows(self):
        """(line, workers) of every row, in the order of measuring."""
        return list(dict.fromkeys((line, workers) for line, workers, _ in self.figures))

    def partners(self):
        return list(dict.fromkeys(partner for _, _, partner in self.figures))

    def get(self, line, workers, partner):
        return self.figures.get((line, workers, partner))

    def times_gofer(self, line, workers, partner):
        """How many times what gofer takes the partner takes; for a rate, how many times as much gofer does."""
        ours, theirs = self.get(line, workers, "gofer"), self.get(line, workers, partner)
        if not ours or not theirs or ours.median <= 0 or theirs.median <= 0:
            return None
        ratio = theirs.median / ours.median
        return 1 / ratio if more_is_better(ours.unit) else ratio

    def leaders(self, line, workers, candidates):
        """The best, and those whose range meets his."""
        there = [(p, self.get(line, workers, p)) for p in candidates if self.get(line, workers, p)]
        if not there:
            return []
        if more_is_better(there[0][1].unit):
            best = max(there, key=lambda pf: pf[1].median)
            close = [p for p, f in there if p != best[0] and f.high >= best[1].low]
        else:
            best = min(there, key=lambda pf: pf[1].median)
            close = [p for p, f in there if p != best[0] and f.low <= best[1].high]
        return [best[0], *close]

    def write(self, path):
        def listed(table, second):
            return [
                {"bench": f.bench, "line": line, second: x, "partner": partner, "unit": f.unit, "values": f.values}
                for (line, x, partner), f in table.items()
            ]

        whole = {
            "format": FORMAT,
            **self.about,
            "micro": [{"name": name, "ns": ns} for name, ns in self.micro],
            "samples": listed(self.figures, "workers"),
            "growth": listed(self.growth, "n"),
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
            file.write("\n")


def read(path):
    """What write() wrote; ValueError when it is something else."""
    with open(path, encoding="utf-8") as file:
        whole = json.load(file)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by ./run bench --json")
    results = Results({k: v for k, v in whole.items() if k not in ("format", "micro", "samples", "growth")})
    results.micro = [(m["name"], m["ns"]) for m in whole["micro"]]
    for s in whole["samples"]:
        results.figures[s["line"], s["workers"], s["partner"]] = Figure(s["bench"], s["unit"], s["values"])
    for s in whole["growth"]:
        results.growth[s["line"], s["n"], s["partner"]] = Figure("growth", s["unit"], s["values"])
    return results


# Fewer samples than this say nothing about their spread; then only what is far away counts.
ENOUGH = 3
FAR = 1.25
NEAR = 1.02


def slower(old, new):
    """By how much `new` is worse than `old` (0.8: a fifth better), and whether that is beyond both ranges."""
    factor = old.median / new.median if more_is_better(old.unit) else new.median / old.median
    if min(len(old.values), len(new.values)) < ENOUGH:
        return factor, factor > FAR or factor < 1 / FAR
    apart = new.low > old.high or new.high < old.low
    return factor, apart and (factor > NEAR or factor < 1 / NEAR)
