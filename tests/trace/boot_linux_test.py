#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A boot of Debian's kernel, recorded: the report against the VMM's counters, and against what the host's kernel counted."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import boot_pause  # noqa: E402
import boot_trace as trace  # noqa: E402
import vmm_process as vmm  # noqa: E402

EAGAIN = 11
EINTR = 4
VCPUS = 2

HIST_LINE = re.compile(r"\{ common_pid: +(\d+), reason: +(\d+), errno: +(\d+) \} hitcount: +(\d+)")


class KernelCount:
    """The tracepoint kvm:kvm_userspace_exit, hit at each return of KVM_RUN, counted by a histogram of the kernel.

    In an instance of tracefs of its own, so that whatever else is traced on this host is left alone.
    """

    TRIGGER = "hist:keys=common_pid,reason,errno:size=4096"

    def __init__(self):
        for root in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"):
            self.instance = pathlib.Path(root, "instances", f"glassbox-test-{os.getpid()}")
            self.event = self.instance / "events/kvm/kvm_userspace_exit"
            with contextlib.suppress(OSError):
                self.instance.mkdir()
                break
        else:
            raise OSError("no instance of tracefs can be made (root, and tracefs?)")
        try:
            (self.event / "trigger").write_text(self.TRIGGER)
        except OSError as error:
            self.instance.rmdir()
            raise OSError(f"{self.event.name} cannot be counted: {error}") from error

    def read(self):
        """Hits as {(thread, reason, errno): number}; fails if the kernel dropped one."""
        text = (self.event / "hist").read_text()
        dropped = re.search(r"Dropped: (\d+)", text)
        assert dropped and dropped[1] == "0", text
        hits = {}
        for thread, reason, errno, count in HIST_LINE.findall(text):
            # The kernel prints a negative number as if it were unsigned.
            errno = (2**64 - int(errno)) % 2**64
            hits[int(thread), int(reason), errno] = int(count)
        return hits

    def close(self):
        (self.event / "trigger").write_text("!" + self.TRIGGER)
        self.instance.rmdir()


def vcpu_threads(process):
    """{thread: vCPU} of a running VMM."""
    threads = {}
    for task in pathlib.Path(f"/proc/{process.process.pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        if name.startswith("vcpu"):
            threads[int(task.name)] = int(name.removeprefix("vcpu"))
    return threads


def fetch(what, *options):
    """A file of Debian's kernel, from the cache; None if it is not there and cannot be had."""
    command = [vmm.SOURCE / "tools/fetch-kernel", *options, "--print", what]
    fetched = subprocess.run(command, check=False, capture_output=True, text=True)
    return fetched.stdout.strip() if fetched.returncode == 0 else None


class LinuxBootTest(trace.TraceTest):
    """One boot, to power-off, that the tests look at."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kernel = fetch("vmlinuz")
        if not cls.kernel:
            raise unittest.SkipTest("no kernel: tools/fetch-kernel")
        scratch = tempfile.TemporaryDirectory(prefix="glassbox-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = pathlib.Path(scratch.name)
        cls.out = cls.scratch / "trace"
        cls.initrd = cls.scratch / "initrd"
        subprocess.run([vmm.SOURCE / "tools/mkinitramfs", "--compress", "none", "-o", cls.initrd], check=True)
        cls.count, cls.why_no_count = None, None
        try:
            count = KernelCount()
        except OSError as error:
            cls.why_no_count = str(error)
            cls.boot()
            return
        with contextlib.closing(count):
            cls.boot()
            cls.count = count.read()

    @classmethod
    def arguments(cls, out):
        return ("-k", cls.kernel, "-i", cls.initrd, "-m", "256M", "-c", VCPUS, "-a", "console=ttyS0 panic=-1",
                "--trace", out)

    @classmethod
    def boot(cls):
        with vmm.Vmm(*cls.arguments(cls.out)) as process:
            process.wait_for("Linux version")
            cls.threads = vcpu_threads(process)
            status = process.finish()
            assert status == vmm.STATUS_OK, process.describe()
            cls.console = len(process.out)
        events = trace.read_events(cls.out)
        cls.analysis = trace.Analysis(events)
        cls.interrupts = [event.fields["level"] for event in events
                          if event.name == "irq_line" and event.fields["device"] == "serial0"]
        cls.machine = trace.report_machine(cls.out)

    def test_an_interrupt_line_is_told_once_a_change(self):
        self.assertGreater(len(self.interrupts), 10)
        self.assertTrue(all(level != before for before, level in zip(self.interrupts, self.interrupts[1:])))

    def test_every_exit_is_there_once(self):
        self.assert_report_is_right(self.machine, self.analysis)
        self.assertEqual(set(self.analysis.exits_by("vcpu")), set(range(VCPUS)))
        counters = self.machine["counters"]
        if counters["kvm_exits"] is not None:
            left = counters["trace_exits"] - self.analysis.exits_by("reason").get(trace.KVM_EXIT_INTR, 0)
            self.assertGreaterEqual(counters["kvm_exits"], left)

    def test_the_kernel_counted_the_same(self):
        if self.count is None:
            self.skipTest(self.why_no_count)
        self.assertEqual(sorted(self.threads.values()), list(range(VCPUS)))
        by_reason, by_vcpu = {}, {}
        for (thread, reason, errno), hits in self.count.items():
            if thread not in self.threads:
                continue # another machine on this host
            # A KVM_RUN that fails leaves an old reason, or none. For the trace all of them are KVM_EXIT_INTR.
            self.assertIn(errno, (0, EINTR, EAGAIN))
            if errno:
                reason = trace.KVM_EXIT_INTR
            by_reason[reason] = by_reason.get(reason, 0) + hits
            vcpu = self.threads[thread]
            by_vcpu[vcpu] = by_vcpu.get(vcpu, 0) + hits
        self.assertEqual({key: row["exits"] for key, row in trace.rows_by(self.machine, "reason").items()}, by_reason)
        self.assertEqual({key: row["exits"] for key, row in trace.rows_by(self.machine, "vcpu").items()}, by_vcpu)

    def test_each_byte_of_the_console_is_an_exit(self):
        written = trace.rows_by(self.machine, "address")[(1, 0x3f8, 1)]
        self.assertEqual((written["device"], written["register"]), ("serial0", "THR/DLL"))
        # The divisor latch is at the same port.
        self.assertGreaterEqual(written["exits"], self.console)
        self.assertGreater(self.console, 1000)

    def test_serial_exits_are_those_of_the_serial_driver(self):
        vmlinux = fetch("vmlinux", "--dbg")
        if not vmlinux:
            self.skipTest("no vmlinux with symbols: tools/fetch-kernel --dbg")
        machine = trace.report_machine(self.out, f"--vmlinux={vmlinux}")
        self.assertEqual(machine["warnings"], [])
        functions = {row["function"]: row["exits"] for row in machine["by_function"]["rows"]}
        ports = trace.rows_by(machine, "address")
        driver = sum(exits for name, exits in functions.items() if name and re.match("io_serial_|serial8250_", name))
        serial = sum(row["exits"] for (_, port, _), row in ports.items() if 0x3f8 <= port <= 0x3ff)
        # The driver asks for three more ports, where no serial port answers.
        others = sum(row["exits"] for (_, port, _), row in ports.items()
                     if any(base <= port < base + 8 for base in (0x2f8, 0x3e8, 0x2e8)))
        self.assertEqual(driver, serial + others)
        self.assertGreater(functions["io_serial_out"], self.console)
        # But for a vCPU that waits to be started, all of it is the kernel's text.
        self.assertGreaterEqual(machine["symbols"]["exits_in_functions"], machine["all"]["exits"] - VCPUS)

    def test_plugin_prints_the_same(self):
        if not trace.can_load_plugin():
            self.skipTest("the plugin is built with a sanitizer")
        self.assertEqual(trace.report_of_plugin(self.out), trace.report(self.out))

    def test_pause_of_the_debugger_is_cut_out(self):
        socket = self.directory / "gdb"
        out = self.directory / "trace"
        process = self.start(*self.arguments(out), "--gdb", f"unix:{socket}")
        process.wait_for("Linux version")
        boot_pause.pause(socket, 1.5)
        behind = len(process.out)
        process.wait_for("\n", since=behind)
        time.sleep(0.2)
        self.end_by_signal(process)
        machine = trace.report_machine(out)
        analysis = trace.Analysis(trace.read_events(out))
        self.assert_report_is_right(machine, analysis)
        self.assertEqual(len(analysis.pauses), VCPUS)
        self.assert_pause_is_cut_out(machine, analysis, 1.5)


if __name__ == "__main__":
    vmm.main()
