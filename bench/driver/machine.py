"""Where it is measured, and with what."""

import os
import re
import shutil
import subprocess
import time

from .partners import output

BUSY = 0.5  # a load above this, and the figures are not to be quoted


def load():
    return os.getloadavg()[0]


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def free_gigabytes():
    found = re.search(r"^MemAvailable:\s+(\d+)", read("/proc/meminfo"), re.M)
    return int(found.group(1)) // 1048576 if found else 0


def processors():
    return sorted(os.sched_getaffinity(0))


def cache_of(build):
    """CMakeCache.txt as a dictionary."""
    return dict(re.findall(r"^([A-Za-z_]+):\w+=(.*)$", read(f"{build}/CMakeCache.txt"), re.M))


def compiler_name(first_line):
    """"c++ (Debian 12.2.0-14) 12.2.0" is GCC; Clang says its name."""
    version = re.search(r"(\d+\.[\d.]+)\s*$", first_line) or re.search(r"version (\d+\.[\d.]+)", first_line)
    kind = "Clang" if "clang" in first_line else "GCC"
    return f"{kind} {version.group(1)}" if version else first_line


def about(here, build, partners):
    cache = cache_of(build)
    compiler = cache.get("CMAKE_CXX_COMPILER", "c++")
    kind = cache.get("CMAKE_BUILD_TYPE", "")
    flags = f"{cache.get('CMAKE_CXX_FLAGS', '')} {cache.get(f'CMAKE_CXX_FLAGS_{kind.upper()}', '')}".strip()
    boost = subprocess.run([compiler, "-E", "-P", "-x", "c++", "-"], input="#include <boost/version.hpp>\nBOOST_LIB_VERSION\n",
                           capture_output=True, text=True, check=False).stdout.strip().strip('"').replace("_", ".")  # fmt: skip
    model = re.search(r"^model name[^:]*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    versions = {"compiler": compiler_name(output(compiler, "--version").partition("\n")[0]), "Boost": boost}
    state_threads = output("dpkg-query", "-W", "-f", "${Version}", "libst-dev") if shutil.which("dpkg-query") else ""
    if state_threads:
        versions["State Threads"] = state_threads
    versions.update({p.name: p.version for p in partners if p.version})
    if shutil.which("wrk"):
        versions["wrk"] = output("dpkg-query", "-W", "-f", "${Version}", "wrk") or "installed"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "gofer": output("git", "-C", here, "describe", "--always", "--dirty"),
        "machine": {
            "processor": model.group(1) if model else os.uname().machine,
            "processors": len(processors()),
            "kernel": f"{os.uname().sysname} {os.uname().release}",
            "memory_free_gb": free_gigabytes(),
            "load_before": round(load(), 2),
        },
        "flags": flags,
        "versions": versions,
        "missing": {p.name: {"why": p.missing, "packages": p.packages} for p in partners if p.missing},
        "floors": [p.name for p in partners if p.floor],
    }
