# SPDX-License-Identifier: MIT
"""What the benchmarks share: results, the machine they ran on, processes and what these used."""

import dataclasses
import functools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests/support"), str(SOURCE / "tests/guest")]

import vmm_process as vmm  # noqa: E402
from vmm_process import BUILD, GLASSBOX  # noqa: E402,F401

QEMU = "qemu-system-x86_64"


class Skipped(Exception):
    """This cannot be measured here; the text says why."""


class Failed(Exception):
    """What was to be measured went wrong; the text says how."""


@dataclasses.dataclass
class Options:
    """How to measure."""

    quick: bool
    peers: bool

    def runs(self, thorough):
        """How often: a third of it, and 3 at least, when it shall be quick."""
        return max(3, thorough // 3) if self.quick else thorough


@dataclasses.dataclass
class Result:
    """One line of the table. The value is the median of the samples."""

    name: str
    unit: str
    samples: list
    bar: float = None
    more_is_better: bool = False
    peer: str = None  # its name
    peer_value: float = None
    where: str = None
    note: str = ""

    @property
    def value(self):
        return statistics.median(self.samples) if self.samples else None

    @property
    def ratio(self):
        """Ours to the peer's."""
        return self.value / self.peer_value if self.samples and self.peer_value else None

    @property
    def verdict(self):
        if not self.samples:
            return "not measured"
        if self.bar is None:
            return ""
        within = self.value >= self.bar if self.more_is_better else self.value <= self.bar
        return "within" if within else "over" if not self.more_is_better else "under"

    def as_json(self):
        return {
            "name": self.name, "unit": self.unit, "value": self.value,
            "min": min(self.samples, default=None), "max": max(self.samples, default=None),
            "runs": len(self.samples), "bar": self.bar, "more_is_better": self.more_is_better,
            "verdict": self.verdict, "peer": self.peer, "peer_value": self.peer_value,
            "ratio": self.ratio, "where": self.where, "note": self.note,
        }

    @classmethod
    def from_json(cls, fields):
        """Of another process. Its median comes with the extremes, which have it in the middle."""
        samples = [] if fields["value"] is None else [fields[key] for key in ("min", "value", "max")]
        names = {field.name for field in dataclasses.fields(cls)} - {"samples"}
        return cls(samples=samples, **{name: fields[name] for name in names})


@functools.lru_cache(maxsize=None)
def where():
    """This machine, in the words of the table: whose KVM it has."""
    if os.environ.get("GLASSBOX_IN_LAB") == "1":
        return "lab"
    report = json.loads(subprocess.run([GLASSBOX, "doctor", "--json"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, check=False).stdout)
    for check in report["checks"]:
        if check["id"] == "backend" and check["value"]:
            return "host (%s)" % check["value"]["module"]
    return "host"


def need_kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Skipped("/dev/kvm cannot be opened")


def need_program(program, package):
    if not shutil.which(program):
        raise Skipped("%s is not installed (Debian: %s)" % (program, package))


def need_built(target, path):
    """Build one target of the build directory, unless its file is there."""
    if not path.exists():
        done = subprocess.run(["cmake", "--build", BUILD, "--target", target], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 or not path.exists():
            raise Skipped("%s could not be built: %s" % (target, done.stdout.strip()[-200:]))
    return path


def fetch_kernel(*arguments):
    """Path of what tools/fetch-kernel prints."""
    done = subprocess.run([SOURCE / "tools/fetch-kernel", *arguments], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Skipped("no kernel: " + done.stderr.strip()[-200:])
    return done.stdout.strip()


def thread_cpu_ns(pid, tid=None):
    """CPU time of a thread, or of all threads of a process, by the scheduler's own count."""
    tasks = pathlib.Path("/proc/%d/task" % pid)
    return sum(int((tasks / task / "schedstat").read_text().split()[0])
               for task in ([str(tid)] if tid else os.listdir(tasks)))


def thread_named(pid, prefix):
    """Number of the first thread whose name begins so."""
    tasks = pathlib.Path("/proc/%d/task" % pid)
    for task in sorted(os.listdir(tasks), key=int):
        if (tasks / task / "comm").read_text().startswith(prefix):
            return int(task)
    raise Failed("process %d has no thread %s" % (pid, prefix))


def context_switches(pid):
    """Of all threads, voluntary or not."""
    tasks = pathlib.Path("/proc/%d/task" % pid)
    return sum(int(line.split()[1])
               for task in os.listdir(tasks)
               for line in (tasks / task / "status").read_text().splitlines()
               if "ctxt_switches:" in line)


def private_bytes(pid, ram_bytes):
    """Memory that is this process's alone, without the mapping that is the guest's RAM."""
    total = mapping = 0
    for line in pathlib.Path("/proc/%d/smaps" % pid).read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            begin, end = (int(part, 16) for part in words[0].split("-"))
            mapping = end - begin
        elif words[0] in ("Private_Clean:", "Private_Dirty:") and mapping < ram_bytes:
            total += int(words[1]) * 1024
    return total


def end(process):
    """End a process that this one started, as a user would; kill it if it will not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def qemu(*arguments, machine="microvm", **keywords):
    """Start QEMU without any device that was not asked for.

    Its vCPU is the host's but for MSR 0x10a, which KVM without hardware virtualisation does not take."""
    return subprocess.Popen(
        [QEMU, "-M", machine, "-accel", "kvm", "-cpu", "host,-arch-capabilities", "-m", "512M", "-nodefaults",
         "-no-user-config", "-display", "none", "-name", "peer,debug-threads=on", *map(str, arguments)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **keywords)


def glassbox(*arguments):
    """Start `glassbox run`; the caller ends it."""
    return vmm.Vmm(*arguments)
