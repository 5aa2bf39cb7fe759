# SPDX-License-Identifier: MIT
"""What a machine costs whose guest sleeps: CPU time, wake-ups, memory beyond the guest's own."""

import pathlib
import tempfile
import time

from common import (Failed, Result, context_switches, end, glassbox, need_kvm, need_program, private_bytes, qemu,
                    thread_cpu_ns)
import common
import guests

SECONDS = 2
RAM = 512 << 20


def watch(pid):
    """(CPU in per mille of one CPU, switches a second, private KiB), once all is quiet."""
    time.sleep(0.5)
    cpu, switches, began = thread_cpu_ns(pid), context_switches(pid), time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    return (1e3 * (thread_cpu_ns(pid) - cpu) / 1e9 / took,
            (context_switches(pid) - switches) / took,
            private_bytes(pid, RAM) / 1024)


def watch_glassbox(kernel):
    with glassbox("-v", "--kernel", kernel, "--memory", "512M", "--console", "none") as machine:
        machine.wait_for("the machine is built", stream="err")
        seen = watch(machine.process.pid)
        end(machine.process)
    return seen


def watch_qemu(kernel):
    with qemu("-kernel", kernel) as machine:
        try:
            seen = watch(machine.pid)
            if machine.poll() is not None:
                raise Failed("QEMU ended by itself")
            return seen
        finally:
            end(machine)


def benchmark(options):
    """a machine whose guest sleeps: CPU, wake-ups, memory beyond the guest's"""
    need_kvm()
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as scratch:
        kernel = guests.halt(pathlib.Path(scratch))
        ours = list(zip(*(watch_glassbox(kernel) for _ in range(3))))
        theirs = watch_qemu(kernel) if options.peers else (None, None, None)
    lines = (("idle.cpu", "‰ of a CPU", 1), ("idle.switches", "/s", 5), ("idle.private", "KiB", 1024))
    for (name, unit, bar), samples, peer in zip(lines, ours, theirs):
        yield Result(name, unit, list(samples), bar=bar, peer="QEMU" if peer else None, peer_value=peer)
