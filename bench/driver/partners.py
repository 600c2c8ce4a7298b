"""Who is compared, where his program is, and which package would bring him when it is not there."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from glob import glob


@dataclass
class Partner:
    name: str
    packages: str = ""  # Debian's
    program: str = ""  # empty: not there
    version: str = ""
    missing: str = ""  # why
    floor: bool = False  # not a runtime but what none can go below: leads no line
    scale: dict = field(default_factory=dict)  # benchmark: part of the work that is enough of it; 0: none
    server_only: bool = False
    skynet_gb: int = 0  # what skynet's stacks take all at once

    def command(self, bench, workers, n):
        return [self.program, bench, str(workers), str(n)]

    def server(self, bench, port, folder):
        del folder
        return self.command(bench, 1, port)


class Gofer(Partner):
    def command(self, bench, workers, n):
        kind = "defer_bench" if bench == "defer" else "gofer_bench"
        return [f"{self.program}/bench_macro_{kind}", bench, str(workers), str(n)]


class Nginx(Partner):
    CONFIGURATION = """daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location /hello {{ default_type text/plain; return 200 "Hello, World!"; }} }}
}}
"""

    def server(self, bench, port, folder):
        if bench != "http":
            return None
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.CONFIGURATION.format(folder=folder, port=port))
        return [self.program, "-p", folder, "-c", path, "-e", "stderr"]


# A thread for each task: a hundredth of the work says the same; a million of them there cannot be.
THREADS = {"switch": 0.1, "spawn1": 0.02, "spawn1000": 0.02, "pingpong": 0.05, "buf128": 0.1, "mpmc": 0.1, "mutex8y": 0.1,
           "skynet": 0, "sleep": 0, "mem": 0.01}  # fmt: skip

BUILT_BY_CMAKE = [
    Partner("Boost.Fiber", "libboost-fiber-dev", "boost_fiber", scale={"mem": 0.1, "buf128": 0.2}, skynet_gb=12),
    Partner("State Threads", "libst-dev", "state_threads", scale={"mem": 0.1}, skynet_gb=8),
    Partner("Asio", "libboost-dev (and GCC)", "asio"),
    Partner("std::thread", "g++", "std_thread", scale=THREADS),
    Partner("C++", "g++", "cxx"),
    Partner("Boost.Context", "libboost-context-dev", "boost_context", floor=True),
    Partner("register switch", "g++", "register_switch", floor=True),
    Partner("raw epoll", "g++", "raw_epoll", floor=True),
]


def output(*command, **environment):
    """What it prints, stderr included; empty when it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env={**os.environ, **environment})
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout + done.stderr).strip()


def version_key(text):
    return [int(x) for x in re.findall(r"\d+", text)]


def newest_go():
    """(version, path): the one on the PATH, or one of Debian's versioned packages, which are not on it."""
    found = []
    for go in [shutil.which("go"), *glob("/usr/lib/go-*/bin/go")]:
        version = go and output(go, "env", "GOVERSION", GOTOOLCHAIN="local")
        if version:
            found.append((version, go))
    return max(found, key=lambda f: version_key(f[0]), default=("", ""))


def build(say, what, command, cwd, **environment):
    say(f"building {what}")
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"{what} could not be built:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
    return done.returncode == 0


def go_partner(here, programs, say):
    partner = Partner("Go", "golang-go (or golang-1.23-go of bookworm-backports)")
    version, go = newest_go()
    if not go:
        partner.missing = "not installed"
        return partner
    program = os.path.join(programs, "peer_go")
    environment = {"GOCACHE": f"{programs}/go-cache", "GO111MODULE": "on", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    if build(say, f"bench/peers/go with {version}", [go, "build", "-o", program, "."], f"{here}/peers/go", **environment):
        partner.program, partner.version = program, version
    else:
        partner.missing = "its program could not be built"
    return partner


# Debian's crates are a directory source; nothing is fetched.
REGISTRY = "/usr/share/cargo/registry"


def tokio_partner(here, programs, say):
    partner = Partner("Tokio", "cargo librust-tokio-dev")
    cargo = shutil.which("cargo")
    if not cargo or not glob(f"{REGISTRY}/tokio-[0-9]*"):
        partner.missing = "not installed"
        return partner
    folder = os.path.join(programs, "tokio")  # a copy: cargo writes beside the sources
    shutil.copytree(f"{here}/peers/tokio", folder, dirs_exist_ok=True)
    command = [cargo, "build", "--release", "--offline", "--config", 'source.crates-io.replace-with="debian"', "--config",
               f'source.debian.directory="{REGISTRY}"']  # fmt: skip
    if build(say, "bench/peers/tokio", command, folder, CARGO_TARGET_DIR=f"{folder}/target"):
        partner.program = f"{folder}/target/release/peer_tokio"
        with open(f"{folder}/Cargo.lock", encoding="utf-8") as file:
            tokio = re.search(r'name = "tokio"\nversion = "([^"]+)"', file.read())
        partner.version = f"{tokio.group(1) if tokio else '?'}, {output('rustc', '--version')}"
    else:
        partner.missing = "its program could not be built"
    return partner


def nginx_partner():
    partner = Nginx("nginx", "nginx", server_only=True)
    partner.program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or ""
    if partner.program:
        partner.version = output(partner.program, "-v").rpartition("/")[2]
    else:
        partner.missing = "not installed"
    return partner


def find(here, programs, with_programs, say):
    """All partners, gofer first; those with `missing` set are not there."""
    found = [Gofer("gofer", program=programs), go_partner(here, programs, say)]
    for partner in BUILT_BY_CMAKE:
        path = os.path.join(programs, f"peer_{partner.program}")
        partner.program = path if os.access(path, os.X_OK) else ""
        partner.missing = "" if partner.program else "not built"
        found.append(partner)
    found.insert(5, tokio_partner(here, programs, say))
    found.append(nginx_partner())
    for name, program in with_programs:
        found.append(Partner(name, program=program))
    return found
