"""Writes figures and pictures into the documents: what stands between two markers is replaced."""

import os

from . import svg, tables

BEGIN, END = "<!-- figures: written by ./run bench -->", "<!-- end of figures -->"


def replace_between(path, text):
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no place for figures: {BEGIN} ... {END}")
    write(path, f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


PICTURES = {
    "performance.svg": "bars: how many times what gofer takes the others take, one worker",
    "performance-workers.svg": "the same with as many workers as processors",
    "growth.svg": "curves: cost of each as there are more, gofer and Go",
}


def pictures(results, folder, say):
    """Draws all that there are figures for; the names of the files."""
    os.makedirs(folder, exist_ok=True)
    workers = max(w for _, w in results.rows()) if results.figures else 1
    made = {}
    if len(results.partners()) > 1:
        made["performance.svg"] = svg.ratios(results, 1)
        if workers > 1:
            made["performance-workers.svg"] = svg.ratios(results, workers)
    if results.growth:
        made["growth.svg"] = svg.growth(results)
    if results.get("defer_open1", 1, "gofer"):
        made["defer.svg"] = svg.defers(results)
    for name, text in made.items():
        write(os.path.join(folder, name), text)
    say(f"pictures in {folder}: {', '.join(made) or 'none'}")
    return list(made)


def everything(results, root, say):
    """docs/performance.md, the README's table, docs/defer.md, and their pictures."""
    made = pictures(results, f"{root}/docs", say)
    shown = "".join(f"![{PICTURES[name]}]({name})\n\n" for name in made if name in PICTURES)
    replace_between(f"{root}/docs/performance.md", shown + tables.report(results))
    replace_between(f"{root}/README.md", tables.readme(results))
    defers(results, root, say)
    say("docs/performance.md and README.md have these figures")


def defers(results, root, say):
    if not results.get("defer_open1", 1, "gofer"):
        return
    with open(f"{root}/bench/defer/about.md", encoding="utf-8") as file:
        about = file.read()
    text = tables.heading(results) + tables.legend(results)
    text += tables.section(results, "Deferred calls and panics").replace("\n### Deferred calls and panics\n", "")
    write(f"{root}/docs/defer.md", f"{about}\n## The figures\n\n{text}")
    write(f"{root}/docs/defer.svg", svg.defers(results))
    say("docs/defer.md and its picture are written")
