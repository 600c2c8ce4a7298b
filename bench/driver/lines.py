"""What is measured: benchmarks (a process each) and the sections of the report in which their lines stand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bench:
    name: str
    n: int  # operations, the program's third argument
    quick: int  # of --quick
    section: str
    one_worker: bool = False  # one goroutine's work, or what fills the memory


BENCHES = [
    Bench("switch", 5_000_000, 250_000, "Switching"),
    Bench("spawn1", 1_000_000, 50_000, "Starting and joining"),
    Bench("spawn1000", 1_000_000, 50_000, "Starting and joining"),
    Bench("pingpong", 1_000_000, 50_000, "Channels"),
    Bench("buf128", 10_000_000, 500_000, "Channels"),
    Bench("mpmc", 4_000_000, 200_000, "Channels"),
    Bench("select4", 2_000_000, 100_000, "Channels"),
    Bench("mutex1", 50_000_000, 2_500_000, "Locks", one_worker=True),
    Bench("mutex8", 4_000_000, 200_000, "Locks"),
    Bench("mutex8y", 1_000_000, 50_000, "Locks"),
    Bench("wg4", 10_000_000, 500_000, "Locks"),
    Bench("timer", 5_000_000, 250_000, "Time and contexts", one_worker=True),
    Bench("sleep", 100_000, 5_000, "Time and contexts"),
    Bench("ticks", 3_000, 100, "Time and contexts"),
    Bench("ctxtree", 100_000, 10_000, "Time and contexts", one_worker=True),
    Bench("skynet", 1_000_000, 10_000, "Many goroutines"),
    Bench("mem", 1_000_000, 50_000, "Many goroutines", one_worker=True),
    Bench("defer", 100, 5, "Deferred calls and panics", one_worker=True),
]
SERVERS = ["echo", "http"]
GROWTH = ["goroutines", "timers", "waiters"]
SECTIONS = list(dict.fromkeys(b.section for b in BENCHES)) + ["Servers"]
NAMES = ["micro", *(b.name for b in BENCHES), *SERVERS, "growth"]

CONNECTIONS = 100  # of the servers' lines


def section_of(bench):
    return next((b.section for b in BENCHES if b.name == bench), "Servers")


def more_is_better(unit):
    return unit.endswith("/s")


# The README's rows: line, and what it is in words.
README_ROWS = [
    ("switch", "yield to another goroutine, ns"),
    ("spawn1", "start a goroutine and wait for its end, ns"),
    ("spawn1000", "start a thousand, wait for all, ns each"),
    ("pingpong", "there and back over two unbuffered channels, ns"),
    ("buf128", "an item through a channel with 128 places, ns"),
    ("select4", "an item by select over four channels, ns"),
    ("mutex8", "a mutex that eight want, ns"),
    ("skynet", "a tree of 1,111,111 goroutines, ms"),
    ("mem_rss", "a parked goroutine, bytes"),
    ("defer_open1", "a deferred call, with the call itself, ns"),
    ("defer_loop10_each", "a deferred call in a loop, ns"),
    ("panic_recover_d1", "panic and recover, 1 frame deep, ns"),
    ("panic_recover_d100", "panic and recover, 100 frames deep, ns"),
    ("goroutine_goexit_d1", "a goroutine that ends by goexit, ns"),
    ("echo", "TCP echo of 64 bytes on one processor, 1000/s"),
    ("http", "HTTP hello on one processor, 1000/s"),
]
