"""The report: Markdown that also reads well on a terminal."""

from . import lines, machine
from .results import slower


def shown(x):
    if x >= 1e6:
        return f"{x / 1e6:.2f}M"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def table(head, rows, left=1):
    """Markdown with its columns in line; all but the first `left` are numbers."""
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i < left else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n"


def cell(results, line, workers, partner):
    figure = results.get(line, workers, partner)
    if not figure:
        return ""
    text = shown(figure.median)
    if len(figure.values) > 1:
        text += f" ±{figure.spread * 100:.0f}%"
    ratio = results.times_gofer(line, workers, partner)
    if partner != "gofer" and ratio:
        text += f" ×{shown(ratio)}"
    return text


def leading(results, line, workers, partners):
    floors = results.about["floors"]
    there = [p for p in partners if p not in floors and results.get(line, workers, p)]
    if len(there) < 2:
        return ""
    found = results.leaders(line, workers, there)
    return " ≈ ".join(found[:3]) if len(found) < 4 else f"{found[0]} ≈ {len(found) - 1} others"


def heading(results):
    m, v = results.about["machine"], results.about["versions"]
    text = f"{m['processor']}, {m['processors']} processors, {m['kernel']}; {v['compiler']}, `{results.about['flags']}`; "
    text += ", ".join(f"{name} {version}" for name, version in v.items() if name != "compiler")
    text += f"; load {m['load_before']:.2f} at the start; {results.about['date']}, gofer {results.about['gofer']}.\n"
    if results.about["quick"]:
        text += "\n**--quick: a twentieth of the work, not to be quoted.**\n"
    if m["load_before"] > machine.BUSY:
        text += "\n**The machine was busy with other work: not to be quoted.**\n"
    absent = results.about["missing"]
    if absent:
        text += "\nNot compared: " + "; ".join(f"{name} ({a['why']}: package {a['packages']})" for name, a in absent.items()) + ".\n"
    return text


def micro(results):
    return "\n### gofer alone, one worker\n\n" + table(["microbenchmark", "ns"], [[n, f"{ns:.1f}"] for n, ns in results.micro])


def section(results, name):
    rows = [(line, w) for line, w in results.rows() if lines.section_of(bench_of(results, line, w)) == name]
    partners = [p for p in results.partners() if any(results.get(line, w, p) for line, w in rows)]
    if not rows or not partners:
        return ""
    head = ["line", "unit", "workers", *partners, "leads"]
    body = []
    for line, w in rows:
        unit = next(results.get(line, w, p).unit for p in partners if results.get(line, w, p))
        cells = [cell(results, line, w, p) for p in partners]
        body.append([line, unit, str(w), *cells, leading(results, line, w, partners)])
    return f"\n### {name}\n\n" + table(head, body, left=2)


def bench_of(results, line, workers):
    return next(f.bench for (l, w, _), f in results.figures.items() if (l, w) == (line, workers))


def growth(results):
    partners = list(dict.fromkeys(p for _, _, p in results.growth))
    body = []
    for line, n in dict.fromkeys((line, n) for line, n, _ in results.growth):
        figures = [results.growth.get((line, n, p)) for p in partners]
        body.append([line, f"{n:,}", *(shown(f.median) if f else "" for f in figures)])
    return "\n### Cost as work grows\n\nOne worker; ns for each.\n\n" + table(["what", "at once", *partners], body)


def legend(results):
    floors = [f for f in results.about["floors"] if f in results.partners()]
    text = f"\nMedians of {results.about['rounds']}; ± is half the range; × is how many times what gofer takes it takes (for a rate, how many "
    text += "times as much gofer does), so above 1 gofer is ahead. Less is better, but for rates. Those whose range meets the leader's are "
    text += "named with him"
    return text + (f"; {', '.join(floors)}: no runtimes but what none can go below, so they lead nothing.\n" if floors else ".\n")


def report(results):
    text = heading(results)
    if results.micro:
        text += micro(results)
    if results.figures:
        text += legend(results)
    for name in lines.SECTIONS:
        text += section(results, name)
    if results.growth:
        text += growth(results)
    if "load_after" in results.about["machine"]:
        text += f"\nLoad {results.about['machine']['load_after']:.2f} at the end.\n"
    return text


def readme(results):
    """The README's table: gofer, Go and the best other, with one worker."""
    floors = results.about["floors"]
    others = [p for p in results.partners() if p not in ("gofer", "Go", *floors)]
    body = []
    for line, words in lines.README_ROWS:
        if not results.get(line, 1, "gofer"):
            continue
        best = results.leaders(line, 1, others)[:1]
        row = [words] + [shown(f.median) if f else "" for f in (results.get(line, 1, p) for p in ("gofer", "Go"))]
        row.append(f"{best[0]} {shown(results.get(line, 1, best[0]).median)}" if best else "")
        ratios = [r for r in (results.times_gofer(line, 1, p) for p in ["Go", *best]) if r]
        body.append([*row, f"×{shown(min(ratios))}" if ratios else ""])
    m = results.about["machine"]
    text = f"Medians of {results.about['rounds']}, one worker, {m['processor']}, {m['processors']} processors, {m['kernel']}, "
    text += f"{results.about['versions']['compiler']}, load {m['load_before']:.2f} at the start.\n\n"
    text += table(["", "gofer", "Go", "best other", "the better of them to gofer"], body)
    return text + "\n×: above 1, gofer is ahead. Asio's and Tokio's tasks have no stacks.\n"


def difference(old, new):
    """What got slower or faster beyond the spread; (text, whether gofer got slower anywhere)."""
    worse, better, drift = [], [], []
    pairs = [(key, old.figures.get(key), f) for key, f in new.figures.items()]
    pairs += [((f"growth of {line} at {n:,}", 1, p), old.growth.get((line, n, p)), f) for (line, n, p), f in new.growth.items()]
    compared = 0
    for (line, workers, partner), before, after in pairs:
        if not before or before.unit != after.unit or before.median <= 0 or after.median <= 0:
            continue
        factor, beyond = slower(before, after)
        if partner != "gofer":
            drift.append(factor)
            continue
        compared += 1
        if beyond:
            row = [line, before.unit, str(workers), shown(before.median), shown(after.median), f"{(factor - 1) * 100:+.0f}%"]
            (worse if factor > 1 else better).append((factor, row))
    head = ["line", "unit", "workers", "before", "now", "cost"]
    text = ""
    for title, rows in (("Slower", sorted(worse, reverse=True)), ("Faster", sorted(better))):
        if rows:
            text += f"\n### {title} than on {old.about['date']} ({old.about['gofer']})\n\n" + table(head, [r for _, r in rows], left=2)
    if not worse:
        text += f"\nNone of gofer's {compared} lines got slower beyond the spread.\n"
    if drift:
        drift.sort()
        middle = drift[len(drift) // 2]
        text += f"\nThe others' lines cost {middle:.2f} times as much as then, in the median; they are the same programs: that is the machine.\n"
    return text, bool(worse)
