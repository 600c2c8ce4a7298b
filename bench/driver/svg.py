"""Pictures: ratios to gofer line by line, cost as work grows, and what deferred calls and panics cost."""

import math
from html import escape

from . import lines
from .tables import shown

COLOURS = {"gofer": "#1a7f37", "Go": "#54aeff", "Boost.Fiber": "#bf8700", "State Threads": "#8250df", "Asio": "#cf222e", "Tokio": "#e16f24",
           "std::thread": "#8c959f", "C++": "#57606a", "nginx": "#2da44e"}  # fmt: skip
STYLE = """svg { background: #fff; font: 12px system-ui, sans-serif } text { fill: #24292f } .label { text-anchor: end }
.head { font-weight: 600; font-size: 13px } .value { font-size: 11px } .axis { text-anchor: middle; font-size: 11px; fill: #6e7781 }
.title { font-size: 15px; font-weight: 600 } .grid { stroke: #d0d7de } .one { stroke: #1a7f37; stroke-width: 1.5 } .curve { fill: none; stroke-width: 2 }
"""


def colour(name):
    return COLOURS.get(name, "#afb8c1")


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def rule(x1, y1, x2, y2, kind="grid"):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def bar(x, y, width, name, height=10):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" fill="{colour(name)}"/>'


def document(width, height, title, about, body):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    top = [head, f"<title>{escape(title)}</title>", f"<style>\n{STYLE}</style>", text(20, 24, title, "title"), text(20, 42, about, "value")]
    return "\n".join([*top, *body, "</svg>"]) + "\n"


def where(results):
    m, v = results.about["machine"], results.about["versions"]
    return f"{m['processor']}, {m['kernel']}, {v['compiler']}" + (f", {v['Go']}" if "Go" in v else "")


def ratios(results, workers):
    """For each line a bar for each partner: how many times what gofer takes it takes. To the left of the line at 1 it leads."""
    left, right, low, high = 290, 850, -1.0, 2.0  # decades: a tenth to a hundred times

    def x_of(ratio):
        return left + (min(max(math.log10(ratio), low), high) - low) / (high - low) * (right - left)

    body, y = [], 62
    for name in lines.SECTIONS:
        section = []
        for line, w in results.rows():
            figure = results.get(line, w, "gofer")
            if w not in (workers, 1) or not figure or lines.section_of(figure.bench) != name or (w != workers and (line, workers) in results.rows()):
                continue
            there = [(p, r) for p in results.partners() if p != "gofer" and (r := results.times_gofer(line, w, p))]
            if there:
                section.append((line, figure, there))
        if not section:
            continue
        body.append(text(20, y + 14, name, "head"))
        y += 22
        for line, figure, there in section:
            body.append(text(left - 10, y + 10 + 6 * (len(there) - 1), f"{line}, gofer {shown(figure.median)} {figure.unit}", "label value"))
            for partner, ratio in there:
                x, one = x_of(ratio), x_of(1)
                body.append(bar(min(x, one), y, abs(x - one), partner))
                body.append(text(max(x, one) + 5, y + 9, f"{partner} ×{shown(ratio)}", "value"))
                y += 12
            y += 6
    ticks = [(0.1, "a tenth"), (1, "gofer: 1"), (10, "10 times"), (100, "100 times")]
    grid = [rule(x_of(t), 54, x_of(t), y, "one" if t == 1 else "grid") for t, _ in ticks]
    grid += [text(x_of(t), y + 16, label, "axis") for t, label in ticks]
    about = f"how many times what gofer takes (logarithmic scale); {workers} worker{'s' if workers > 1 else ''}; {where(results)}"
    return document(1040, y + 30, "gofer and the others", about, grid + body)


def growth(results):
    """Nanoseconds for each, from one at once to a million: a panel for each kind."""
    partners = list(dict.fromkeys(p for _, _, p in results.growth))
    body, width, height, top = [], 260, 220, 84
    for i, kind in enumerate(lines.GROWTH):
        points = {p: sorted((n, f.median) for (line, n, q), f in results.growth.items() if line == kind and q == p) for p in partners}
        values = [v for curve in points.values() for _, v in curve if v > 0]
        if not values:
            continue
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        high = max(high, low + 1)
        left = 60 + i * (width + 60)

        def at(n, v):
            return left + math.log10(n) / 6 * width, top + height - (math.log10(v) - low) / (high - low) * height

        body.append(text(left, top - 12, f"{kind}, ns for each", "head"))
        for k in range(low, high + 1):
            y = at(1, 10.0**k)[1]
            body += [rule(left, y, left + width, y), text(left - 20, y + 4, shown(10.0**k) if k < 0 else f"{10**k:,}", "axis")]
        for k in range(0, 7, 2):
            body.append(text(at(10**k, 10.0**low)[0], top + height + 16, ["1", "100", "10,000", "1 million"][k // 2], "axis"))
        for p, curve in points.items():
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(n, v) for n, v in curve if v > 0))
            body.append(f'<polyline class="curve" stroke="{colour(p)}" points="{path}"/>')
    x = 60
    for p in partners:
        body += [bar(x, top + height + 32, 14, p), text(x + 20, top + height + 41, p, "value")]
        x += 40 + 8 * len(p)
    return document(1000, top + height + 60, "Cost as work grows", f"at once, from one to a million; one worker; {where(results)}", body)


DEFER_GROUPS = [
    ("One deferred call", [("gofer", "call_direct", "a direct call"), ("gofer", "guard_raii", "C++: a guard class"),
                           ("gofer", "guard_scope_exit", "C++: BOOST_SCOPE_EXIT"), ("gofer", "guard_boost_scope", "C++: boost::scope"),
                           ("gofer", "guard_function", "C++: std::function"), ("gofer", "guard_function_heap", "C++: std::function, 3 captures"),
                           ("gofer", "defer_open1", "gofer::defer"), ("Go", "defer_open1", "Go: defer")]),
    ("Deferred in a loop, each of 100", [("gofer", "defer_loop100_each", "gofer::defer_list"), ("Go", "defer_loop100_each", "Go: defer"),
                                         ("C++", "defer_loop100_each", "C++: vector of std::function")]),
    ("A recover() that finds nothing", [("gofer", "recover_no_panic", "gofer"), ("Go", "recover_no_panic", "Go")]),
    *((f"A panic recovered {n} frame{'s' if n > 1 else ''} up",
       [("gofer", f"throw_catch_d{n}", "C++: throw and catch"), ("gofer", f"panic_recover_d{n}", "gofer: panic and recover"),
        ("Go", f"panic_recover_d{n}", "Go: panic and recover"), ("gofer", f"throw_catch_guards_d{n}", "C++, a destructor in each"),
        ("gofer", f"panic_recover_defers_d{n}", "gofer, a deferred call in each"), ("Go", f"panic_recover_defers_d{n}", "Go, a deferred call in each")])
      for n in (1, 10, 100)),
    ("A goroutine that ends by Goexit 10 frames deep, a deferred call in each",
     [("gofer", "goroutine_goexit_d10", "gofer"), ("Go", "goroutine_goexit_d10", "Go")]),
]  # fmt: skip


def with_unit(ns):
    return f"{ns / 1000:.1f} µs" if ns >= 10000 else f"{shown(ns)} ns"


def defers(results):
    """Bars on a logarithmic scale, for the figures span five decades."""
    left, decade = 230, 106
    body, y = [], 58
    for head, group in DEFER_GROUPS:
        there = [(p, f, label) for p, line, label in group if (f := results.get(line, 1, p))]
        if not there:
            continue
        body.append(text(20, y + 14, head, "head"))
        y += 24
        for partner, figure, label in there:
            width = max(math.log10(max(figure.median, 1)) * decade, 1)
            who = "C++" if label.startswith(("C++", "a direct")) else partner
            body += [text(left - 8, y + 13, label, "label"), bar(left, y + 2, width, who, 14), text(left + width + 6, y + 13, with_unit(figure.median), "value")]
            y += 19
        y += 14
    ticks = ["1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs"]
    grid = [rule(left + k * decade, 54, left + k * decade, y - 6) for k in range(6)]
    grid += [text(left + k * decade, y + 10, label, "axis") for k, label in enumerate(ticks)]
    about = f"{where(results)}, one worker, median of {results.about['rounds']}; logarithmic scale, shorter is better"
    return document(860, y + 26, "What a deferred call, a panic and a recover cost", about, grid + body)
