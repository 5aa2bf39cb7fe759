# SPDX-License-Identifier: MIT
"""What an exit costs, and what tracing adds: a guest that does nothing but write to a port that no
device has, without and with --trace, turn by turn.

The CPU time of the vCPU's thread is what counts: whoever else is on the machine makes it wait, but
not work. The guest sleeps when it is done, so that time stands still when it is read."""

import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from common import Failed, Result, end, glassbox, need_kvm, need_program, qemu, thread_cpu_ns, thread_named
import common
import guests

EXITS = 200_000


def pinned(tid):
    """The thread, on one CPU from now on: to move a vCPU costs some KVMs more than many exits."""
    os.sched_setaffinity(tid, {max(os.sched_getaffinity(tid))})
    return tid


def settled_cpu_ns(pid, tid):
    """CPU time of a thread that is about to fall asleep for good."""
    before = -1
    now = thread_cpu_ns(pid, tid)
    while before != now:
        time.sleep(0.02)
        before, now = now, thread_cpu_ns(pid, tid)
    return now


def run_glassbox(kernel, trace=None):
    """(CPU, wall) in ns an exit."""
    arguments = ["--kernel", kernel, *(["--trace", trace] if trace else [])]
    with glassbox(*arguments) as machine:
        machine.wait_for("B")
        began = time.monotonic_ns()
        pid = machine.process.pid
        vcpu = pinned(thread_named(pid, "vcpu0"))
        machine.wait_for("E")
        wall = time.monotonic_ns() - began
        cpu = settled_cpu_ns(pid, vcpu)
        end(machine.process)
        machine.finish()
        if trace and b"no event lost" not in machine.err:
            raise Failed("the trace is not whole: " + machine.err.decode(errors="replace").strip())
    return cpu / EXITS, wall / EXITS


def run_qemu(kernel):
    """CPU time in ns an exit, of the same guest under QEMU."""
    with qemu("-kernel", kernel, "-serial", "stdio", stdout=subprocess.PIPE) as machine:
        if machine.stdout.read(1) != b"B":
            raise Failed("QEMU: " + machine.stderr.read().decode(errors="replace").strip())
        vcpu = pinned(thread_named(machine.pid, "CPU 0/KVM"))
        machine.stdout.read(1)
        cpu = settled_cpu_ns(machine.pid, vcpu)
        end(machine)
    return cpu / EXITS


def measure(kernel, directory, options):
    """Lists of plain runs, traced runs and the peer's, of one turn each."""
    plain, traced, peers = [], [], []
    for turn in range(options.runs(9)):
        plain.append(run_glassbox(kernel))
        traced.append(run_glassbox(kernel, directory / ("trace-%d" % turn)))
        if options.peers:
            peers.append(run_qemu(kernel))
    return plain, traced, peers


def benchmark(options):
    """one exit by OUT to a port nobody has; the share that recording it adds"""
    need_kvm()
    need_program("lttng-sessiond", "lttng-tools")
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as scratch:
        directory = pathlib.Path(scratch)
        plain, traced, peers = measure(guests.outs(directory, EXITS), directory, options)
    shares = [100 * (with_trace[0] / without[0] - 1) for without, with_trace in zip(plain, traced)]
    wall = statistics.median(wall for _, wall in plain)
    cost = Result("exits.out", "ns", [cpu for cpu, _ in plain], note="%.0f ns of wall time" % wall)
    if peers:
        cost.peer, cost.peer_value = "QEMU", statistics.median(peers)
    yield cost
    added = statistics.median(traced)[0] - statistics.median(plain)[0]
    yield Result("exits.trace-overhead", "%", shares, bar=10,
                 note="%+.0f ns an exit, by the medians" % added)
