"""bench/driver: medians, leaders, comparisons, tables, pictures and published pages, from samples that are made up; and programs that
fail, have no such line or print something else."""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest
import xml.dom.minidom

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, f"{root}/bench")

from driver import lines, measure, options, partners, publish, results, svg, tables  # noqa: E402


def about(**changes):
    machine = {"processor": "A & B", "processors": 2, "kernel": "Linux", "memory_free_gb": 16, "load_before": 0.1}
    return {"date": "2030-01-01", "gofer": "abc", "machine": machine, "flags": "-O3", "versions": {"compiler": "GCC 12", "Go": "go1.23"},
            "missing": {"Tokio": {"why": "not installed", "packages": "cargo"}}, "floors": ["raw"], "quick": False, "rounds": 3, **changes}  # fmt: skip


def sample(samples, **changes):
    """{(bench, line, workers, partner, unit): values}"""
    made = results.Results(about(**changes))
    for (bench, line, workers, partner, unit), values in samples.items():
        for v in values:
            made.add(bench, line, workers, partner, unit, v)
    return made


def line(partner, values, name="switch", unit="ns/yield", workers=1):
    return {("echo" if unit == "kreq/s" else name, name, workers, partner, unit): values}


class Figures(unittest.TestCase):
    def test_median_and_spread(self):
        f = results.Figure("switch", "ns", [10, 14, 11])
        self.assertEqual((f.median, f.low, f.high), (11, 10, 14))
        self.assertAlmostEqual(f.spread, 2 / 11)

    def test_ratio_is_above_one_where_gofer_is_ahead(self):
        r = sample({**line("gofer", [10]), **line("Go", [25]), **line("gofer", [200], "echo", "kreq/s"), **line("Go", [100], "echo", "kreq/s")})
        self.assertEqual(r.times_gofer("switch", 1, "Go"), 2.5)
        self.assertEqual(r.times_gofer("echo", 1, "Go"), 2.0)
        self.assertIsNone(r.times_gofer("switch", 1, "nobody"))

    def test_leader_and_those_whose_range_meets_his(self):
        r = sample({**line("gofer", [10, 11, 12]), **line("Go", [12, 13, 14]), **line("raw", [1]), **line("x", [13, 14, 15])})
        self.assertEqual(r.leaders("switch", 1, ["x", "Go", "gofer"]), ["gofer", "Go"])
        self.assertEqual(tables.leading(r, "switch", 1, r.partners()), "gofer ≈ Go")

    def test_of_rates_the_highest_leads(self):
        r = sample({**line("gofer", [10], "echo", "kreq/s"), **line("Go", [9], "echo", "kreq/s")})
        self.assertEqual(r.leaders("echo", 1, ["Go", "gofer"]), ["gofer"])

    def test_who_is_alone_leads_nothing(self):
        self.assertEqual(tables.leading(sample({**line("gofer", [10]), **line("raw", [1])}), "switch", 1, ["gofer", "raw"]), "")

    def test_file_keeps_every_sample(self):
        r = sample({**line("gofer", [10, 11, 12]), **line("Go", [30])})
        r.add_growth("timers", 1000, "Go", "ns/each", 5)
        r.micro.append(("yield", 3.5))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.json")
            r.write(path)
            again = results.read(path)
            with open(os.path.join(folder, "b.json"), "w", encoding="utf-8") as other:
                other.write("[]")
            self.assertRaises(ValueError, results.read, other.name)
        self.assertEqual((again.figures, again.growth, again.micro, again.about), (r.figures, r.growth, r.micro, r.about))


class Comparison(unittest.TestCase):
    def compare(self, old, new, **kind):
        return tables.difference(sample(line("gofer", old, **kind)), sample(line("gofer", new, **kind)))

    def test_beyond_both_ranges_is_slower(self):
        text, slower = self.compare([10, 10.2, 10.4], [11, 11.2, 11.4])
        self.assertTrue(slower)
        self.assertIn("Slower", text)
        self.assertIn("+10%", text)

    def test_ranges_that_meet_are_no_difference(self):
        self.assertEqual(self.compare([10, 10.2, 11.1], [11, 11.2, 11.4])[1], False)

    def test_a_percent_is_no_difference(self):
        self.assertEqual(self.compare([10, 10, 10], [10.1, 10.1, 10.1])[1], False)

    def test_one_sample_says_little(self):
        self.assertEqual(self.compare([10], [12])[1], False)
        self.assertEqual(self.compare([10], [13])[1], True)

    def test_a_lower_rate_is_slower_and_a_higher_one_is_not(self):
        self.assertEqual(self.compare([100, 101, 102], [80, 81, 82], name="echo", unit="kreq/s")[1], True)
        text, slower = self.compare([80, 81, 82], [100, 101, 102], name="echo", unit="kreq/s")
        self.assertFalse(slower)
        self.assertIn("Faster", text)

    def test_others_say_what_the_machine_did(self):
        old = sample({**line("gofer", [10]), **line("Go", [20])})
        text, slower = tables.difference(old, sample({**line("gofer", [10]), **line("Go", [40])}))
        self.assertFalse(slower)
        self.assertIn("2.00 times", text)


class Report(unittest.TestCase):
    def setUp(self):
        self.results = sample({
            **line("gofer", [10, 11, 12]), **line("Go", [20, 22, 24]), **line("raw", [2, 2, 2]), **line("gofer", [9], workers=2),
            **line("Go", [30], workers=2), **line("gofer", [100], "echo", "kreq/s"), **line("nginx <1>", [50], "echo", "kreq/s"),
            ("defer", "defer_open1", 1, "gofer", "ns/op"): [2.5], ("defer", "defer_open1", 1, "C++", "ns/op"): [2.0]})  # fmt: skip
        for n in (1, 1000, 1_000_000):
            for partner in ("gofer", "Go"):
                self.results.add_growth("goroutines", n, partner, "ns/each", 100 + n / 1000)

    def test_tables(self):
        text = tables.report(self.results)
        self.assertIn("Not compared: Tokio (not installed: package cargo).", text)
        row = next(r for r in text.splitlines() if r.startswith("| switch") and " 22.0 " in r)
        self.assertEqual([c.strip() for c in row.strip("|").split("|")], ["switch", "ns/yield", "1", "11.0 ±9%", "22.0 ±9% ×2.00", "2.00 ±0% ×0.18", "gofer"])
        self.assertEqual(len({len(r) for r in text.split("### Switching")[1].split("###")[0].splitlines() if r.startswith("|")}), 1)

    def test_a_busy_machine_is_said(self):
        self.results.about["machine"]["load_before"] = 0.9
        self.assertIn("busy", tables.heading(self.results))

    def test_pictures_are_well_formed(self):
        for picture in (svg.ratios(self.results, 1), svg.ratios(self.results, 2), svg.growth(self.results), svg.defers(self.results)):
            xml.dom.minidom.parseString(picture)

    def test_published_between_the_markers_and_again(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("docs/performance.md", "README.md", "bench/defer/about.md"):
                os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
                publish.write(f"{folder}/{name}", f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n")
            for _ in range(2):
                publish.everything(self.results, folder, lambda text: None)
                for name in ("docs/performance.md", "README.md"):
                    with open(f"{folder}/{name}", encoding="utf-8") as file:
                        text = file.read()
                    self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text)
                    self.assertEqual(text.count(publish.BEGIN), 1)
            self.assertEqual(sorted(f for f in os.listdir(f"{folder}/docs") if f.endswith(".svg")),
                             ["defer.svg", "growth.svg", "performance-workers.svg", "performance.svg"])  # fmt: skip

    def test_the_projects_own_pages_have_the_markers(self):
        for name in ("docs/performance.md", "README.md"):
            with open(f"{root}/{name}", encoding="utf-8") as file:
                text = file.read()
            self.assertEqual((text.count(publish.BEGIN), text.count(publish.END)), (1, 1))


class Programs(unittest.TestCase):
    """A partner that is a script."""

    def run_lines(self, script, only="switch"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "program")
            publish.write(path, f"#!/bin/sh\n{script}\n")
            os.chmod(path, stat.S_IRWXU)
            asked = options.parse(["--quick", "--rounds", "2", "--workers", "1,3", "--only", only, "--with", f"x={path}"])
            asked.programs = folder
            made = results.Results(about())
            runner = measure.Runner(asked, [partners.Partner("x", program=path), partners.Partner("y", missing="not installed")], made)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                runner.run()
            self.asked = 0
            if os.path.exists(f"{path}.log"):
                with open(f"{path}.log", encoding="utf-8") as file:
                    self.asked = len(file.readlines())
            return made, runner, said.getvalue()

    def test_lines_are_collected(self):
        made, runner, _ = self.run_lines('echo "a line of something else, longer"; echo "$1 $2.5 ns/x"; echo "$1 word unit"')
        self.assertFalse(runner.failed)
        self.assertEqual(made.get("switch", 3, "x").values, [3.5, 3.5])
        self.assertEqual(made.rows(), [("switch", 1), ("switch", 3)])

    def test_work_of_quick_is_the_third_argument(self):
        made, _, _ = self.run_lines('echo "n $3 x"')
        self.assertEqual(made.get("n", 1, "x").values, [250_000.0] * 2)

    def test_no_such_line_is_no_failure_and_is_not_asked_again(self):
        made, runner, said = self.run_lines('echo asked >>"$0.log"; exit 2')
        self.assertEqual((made.figures, runner.failed), ({}, False))
        self.assertNotIn("status", said)
        self.assertEqual(self.asked, 2)  # once with one worker, once with three

    def test_failure_is_told(self):
        made, runner, said = self.run_lines("echo broken >&2; exit 3")
        self.assertTrue(runner.failed)
        self.assertIn("x's switch with 3 workers ended with status 3\nbroken", said)

    def test_server_that_ends_at_once_is_told(self):
        _, runner, said = self.run_lines("echo no socket; exit 1", "echo")
        self.assertTrue(runner.failed)
        self.assertIn("does not listen\nno socket", said)

    def test_server_without_the_line_is_no_failure(self):
        self.assertFalse(self.run_lines("exit 2", "echo")[1].failed)

    def test_wrks_report(self):
        text = "  Latency   1ms\n     50%  812.00us\n     99%    2.50ms\nRequests/sec:  51234.5\n"
        self.assertEqual(list(measure.parse_wrk(text)), [("http", 51.2345, "kreq/s"), ("http_p50", 812, "us"), ("http_p99", 2500, "us")])


class CommandLine(unittest.TestCase):
    def refused(self, *arguments):
        with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit) as end:
            options.parse(arguments)
        self.assertEqual(end.exception.code, 2)
        return said.getvalue()

    def test_refuses(self):
        self.assertIn("no benchmark 'nope'", self.refused("--only", "switch,nope"))
        self.assertIn("no positive number", self.refused("--workers", "1,x"))
        self.assertIn("no positive number", self.refused("--rounds", "0"))
        self.assertIn("not NAME=FILE", self.refused("--with", "x"))
        self.assertIn("is not a program", self.refused("--with", "x=/"))
        self.assertIn("cannot read", self.refused("--diff", "/nowhere"))
        self.assertIn("cannot write", self.refused("--markdown", "/nowhere/x"))
        self.assertIn("unrecognized", self.refused("--bogus"))
        self.assertIn("quick", self.refused("--publish", "--quick"))

    def test_every_line_is_named_by_help_and_in_the_document(self):
        with open(f"{root}/docs/performance.md", encoding="utf-8") as file:
            document = file.read()
        for name in lines.NAMES:
            self.assertTrue(name in options.usage(), name)
        for bench in lines.NAMES:
            self.assertTrue(f"`{bench}`" in document, bench)


if __name__ == "__main__":
    unittest.main()
