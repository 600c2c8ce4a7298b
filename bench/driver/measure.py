"""Runs the programs, in turn, and collects what they print."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import lines, machine

TIMEOUT = 300
NO_SUCH_BENCH = 2  # exit status: the partner has no such line


class Progress:
    """One line that is written over on a terminal; elsewhere a line for each benchmark."""

    def __init__(self, total):
        self.total, self.done, self.begin, self.last = total, 0, time.monotonic(), None
        self.terminal = sys.stderr.isatty()

    def step(self, bench, detail):
        self.done += 1
        passed = time.monotonic() - self.begin
        left = passed / max(1, self.done - 1) * (self.total - self.done + 1) if self.done > 5 else None
        clock = f"{passed // 60:.0f}:{passed % 60:02.0f}" + (f", {left // 60:.0f}:{left % 60:02.0f} left" if left is not None else "")
        if self.terminal:
            print(f"\r\033[Kbench: [{self.done}/{self.total}, {clock}] {bench}, {detail}", end="", file=sys.stderr, flush=True)
        elif bench != self.last:
            print(f"bench: [{self.done}/{self.total}, {clock}] {bench}", file=sys.stderr, flush=True)
        self.last = bench

    def say(self, text):
        print(("\r\033[K" if self.terminal else "") + f"bench: {text}", file=sys.stderr, flush=True)

    def end(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def parse(text):
    """The lines `name value unit` of a program's output."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        try:
            yield fields[0], float(fields[1]), fields[2]
        except ValueError:
            continue


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port, process):
    """Waits until somebody listens; false when the server has ended or ten seconds are over."""
    for _ in range(200):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def on_processor(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


def wrk_microseconds(text):
    for unit, factor in (("us", 1), ("ms", 1e3), ("s", 1e6)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * factor
    raise ValueError(text)


def parse_wrk(text):
    """wrk's report, as lines of the load generator here."""
    fields = {f[0]: f[1] for f in (line.split() for line in text.splitlines()) if len(f) > 1}
    yield "http", float(fields["Requests/sec:"]) / 1e3, "kreq/s"
    yield "http_p50", wrk_microseconds(fields["50%"]), "us"
    yield "http_p99", wrk_microseconds(fields["99%"]), "us"


class Runner:
    def __init__(self, options, partners, results):
        self.options, self.results = options, results
        self.partners = [p for p in partners if not p.missing]
        self.lacks = set()  # (partner, bench, workers) that said so
        self.failed = False
        self.progress = Progress(self.count())

    # --- what there is to do

    def wanted(self, name):
        return not self.options.only or name in self.options.only

    def compared(self):
        return [p for p in self.partners if not p.server_only]

    def grown(self):
        return [p for p in self.partners if p.name in ("gofer", "Go") or p.name in self.options.added]

    def workers_of(self, bench):
        return [1] if bench.one_worker else self.options.workers

    def sizes(self):
        top = 100_000 if self.options.quick or machine.free_gigabytes() < 8 else 1_000_000
        return [10**k for k in range(7) if 10**k <= top]

    def count(self):
        runs = sum(len(self.workers_of(b)) * self.options.rounds * len(self.compared()) for b in lines.BENCHES if self.wanted(b.name))
        runs += sum(self.options.rounds * len(self.partners) for s in lines.SERVERS if self.wanted(s))
        if self.wanted("growth"):
            runs += len(lines.GROWTH) * len(self.sizes()) * self.options.rounds * len(self.grown())
        return runs + self.wanted("micro")

    def run(self):
        if self.wanted("micro"):
            self.microbenchmarks()
        for bench in lines.BENCHES:
            if self.wanted(bench.name):
                self.compare(bench)
        for name in lines.SERVERS:
            if self.wanted(name):
                self.serve(name)
        if self.wanted("growth"):
            self.grow()
        self.progress.end()

    # --- programs that end

    def program(self, partner, bench, workers, n):
        """What it printed; nothing when it has no such line, or failed."""
        try:
            done = subprocess.run(partner.command(bench, workers, n), capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return self.failure(f"{partner.name}'s {bench} with {workers} workers took longer than {TIMEOUT} s")
        except OSError as e:
            return self.failure(f"{partner.name}: {e}")
        if done.returncode == NO_SUCH_BENCH and partner.name != "gofer":
            self.lacks.add((partner.name, bench, workers))
            return []
        if done.returncode:
            told = "\n".join(done.stderr.splitlines()[:10])
            return self.failure(f"{partner.name}'s {bench} with {workers} workers ended with status {done.returncode}\n{told}")
        return list(parse(done.stdout))

    def lack(self, partner, bench, workers, why):
        if (partner.name, bench, workers) not in self.lacks:
            self.progress.say(f"{bench} without {partner.name}: {why}")
            self.lacks.add((partner.name, bench, workers))

    def failure(self, text):
        self.progress.say(text)
        self.failed = True
        return []

    def compare(self, bench):
        n = bench.quick if self.options.quick else bench.n
        if bench.name == "mem" and n > 100_000 and machine.free_gigabytes() < 8:
            self.progress.say("mem: 100,000 goroutines instead of 1,000,000, for less than 8 GB are free")
            n = 100_000
        for workers in self.workers_of(bench):
            for turn in range(self.options.rounds):
                for partner in self.compared():
                    self.progress.step(bench.name, f"workers {workers}, round {turn + 1} of {self.options.rounds}: {partner.name}")
                    part = partner.scale.get(bench.name, 1)
                    if bench.name == "skynet" and not self.options.quick and machine.free_gigabytes() < partner.skynet_gb:
                        self.lack(partner, bench.name, workers, f"its stacks take {partner.skynet_gb} GB, which are not free")
                    if not part or (partner.name, bench.name, workers) in self.lacks:
                        continue
                    for line, value, unit in self.program(partner, bench.name, workers, max(1, int(n * part))):
                        self.results.add(bench.name, line, workers, partner.name, unit, value)

    def grow(self):
        for line in lines.GROWTH:
            for n in self.sizes():
                for turn in range(self.options.rounds):
                    for partner in self.grown():
                        self.progress.step(f"growth of {line}", f"{n}, round {turn + 1} of {self.options.rounds}: {partner.name}")
                        for name, value, unit in self.program(partner, f"growth_{line}", 1, n):
                            self.results.add_growth(name, n, partner.name, unit, value)

    def microbenchmarks(self):
        self.progress.step("micro", "gofer")
        command = [f"{self.options.programs}/bench_micro", "--benchmark_format=json",
                   f"--benchmark_min_time={0.01 if self.options.quick else 0.5}"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.failure(f"the microbenchmarks failed\n{done.stderr}")
            return
        for b in json.loads(done.stdout)["benchmarks"]:
            self.results.micro.append((b["name"].removesuffix("/real_time"), b["real_time"]))

    # --- servers: on the first processor, and the load on the last

    def serve(self, name):
        for turn in range(self.options.rounds):
            for partner in self.partners:
                self.progress.step(name, f"round {turn + 1} of {self.options.rounds}: {partner.name}")
                if (partner.name, name, 1) in self.lacks:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    for line, value, unit in self.served(partner, name, folder):
                        self.results.add(name, line, 1, partner.name, unit, value)

    def served(self, partner, name, folder):
        port = unused_port()
        command = partner.server(name, port, folder)
        if command is None:
            self.lacks.add((partner.name, name, 1))
            return []
        cpus = machine.processors()
        with open(os.path.join(folder, "log"), "w+", encoding="utf-8") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=on_processor(cpus[0]))
            try:
                if not answers(port, server):
                    if server.poll() == NO_SUCH_BENCH and partner.name != "gofer":
                        self.lacks.add((partner.name, name, 1))
                        return []
                    log.seek(0)
                    return self.failure(f"{partner.name}'s {name} does not listen\n{log.read(1000)}")
                return self.load(partner, name, port, cpus[-1])
            finally:
                server.send_signal(signal.SIGKILL)  # some catch SIGTERM to end in good order
                server.wait()

    def load(self, partner, name, port, cpu):
        seconds = 1 if self.options.quick else 5
        if name == "http" and shutil.which("wrk"):
            url = f"http://127.0.0.1:{port}/hello"
            commands = [["wrk", "-t1", f"-c{lines.CONNECTIONS}", f"-d{s}s", "--latency", url] for s in (1, seconds)]
            understand = parse_wrk
        else:
            commands = [[f"{self.options.programs}/peer_loadgen", name, str(port), str(lines.CONNECTIONS), str(seconds)]]
            understand = parse
        for command in commands:  # wrk's first one warms up
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, preexec_fn=on_processor(cpu))
        if done.returncode:
            return self.failure(f"the load on {partner.name}'s {name} failed: {done.stderr or done.stdout}")
        return list(understand(done.stdout))
