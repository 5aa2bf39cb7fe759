# SPDX-License-Identifier: MIT
"""What the VMM does before the guest's first instruction: from before the process starts to the
line that it prints when the machine is built. The guest is killed right after."""

import os
import pathlib
import signal
import tempfile
import time

from common import GLASSBOX, Failed, Result, fetch_kernel, need_kvm
import guests

BUILT = b"the machine is built"


def start_once(kernel):
    """(wall, CPU) in ms."""
    read_end, write_end = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
               (os.POSIX_SPAWN_DUP2, write_end, 2)]
    arguments = [GLASSBOX, "run", "-v", "--kernel", kernel, "--memory", "512M", "--console", "none"]
    began = time.monotonic()
    pid = os.posix_spawn(GLASSBOX, arguments, os.environ, file_actions=actions)
    os.close(write_end)
    os.close(null)
    said = data = os.read(read_end, 4096)
    while data and BUILT not in said:
        data = os.read(read_end, 4096)
        said += data
    wall = time.monotonic() - began
    os.kill(pid, signal.SIGKILL)
    _, _, usage = os.wait4(pid, 0)
    os.close(read_end)
    if BUILT not in said:
        raise Failed("glassbox did not start: " + said.decode(errors="replace").strip())
    return wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3


def measure_start(name, kernel, bar, runs):
    start_once(kernel)  # reads the files into the cache
    walls, cpus = zip(*(start_once(kernel) for _ in range(runs)))
    return Result(name, "ms", list(walls), bar=bar, note="%.1f ms at best, %.1f ms of CPU" % (min(walls), min(cpus)))


def benchmark(options):
    """process start to the guest's first instruction, 512 MiB"""
    need_kvm()
    runs = options.runs(30)
    kernels = (("startup.bzimage-lz4", ("--series", "6.1", "--print", "vmlinuz"), 60),
               ("startup.bzimage-zstd", ("--series", "6.12", "--print", "vmlinuz"), 60),
               ("startup.elf", ("--series", "6.1", "--dbg", "--print", "vmlinux"), 15))
    for name, arguments, bar in kernels:
        yield measure_start(name, fetch_kernel(*arguments), bar, runs)
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as directory:
        yield measure_start("startup.tiny-elf", guests.halt(pathlib.Path(directory)), None, runs)
