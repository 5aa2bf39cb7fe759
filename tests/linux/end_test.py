#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How Linux ends under `glassbox run`: power-off, each way to reset, panic, and signals to us."""

import os
import pathlib
import signal
import sys
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import UP, kernel  # noqa: E402


class EndTest(linux_guest.LinuxTest):
    def end_of(self, action, append="", *args):
        arguments = self.arguments(kernel(), *args, append=f"glassbox.action={action} {append}")
        ended = vmm.run(*arguments)
        # A panic's message may come in the midst of what user space says.
        self.assertIn("sysrq triggered crash" if action == "panic" else UP, ended.text(), ended.describe())
        return ended

    def assert_resets(self, how):
        ended = self.end_of("reboot", how)
        self.assertEqual((ended.status, ended.errors()), (vmm.STATUS_OK, []), ended.describe())

    def test_reset(self):
        self.assert_resets("")

    def test_reset_by_acpi(self):
        self.assert_resets("reboot=acpi")

    def test_reset_by_the_keyboard_controller(self):
        self.assert_resets("reboot=k")

    def test_triple_fault(self):
        """Indistinguishable from an accident, and reported as one."""
        ended = self.end_of("reboot", "reboot=t")
        self.assertEqual(ended.status, vmm.STATUS_TRIPLE_FAULT, ended.describe())
        self.assertRegex(ended.errors()[0], "^glassbox: guest stopped by a triple fault")

    def test_panic(self):
        ended = self.end_of("panic", "", "-c", "2")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC, ended.describe())
        self.assertEqual(len(ended.errors()), 1, ended.describe())
        self.assertRegex(ended.errors()[0], "^glassbox: guest kernel panicked: sysrq triggered crash; it reset")

    def test_panic_without_a_root_file_system(self):
        ended = vmm.run("-k", kernel(), "-a", "console=ttyS0 panic=-1 quiet")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC, ended.describe())
        self.assertRegex(ended.errors()[0], "panicked: VFS: Unable to mount root fs")

    def test_reset_starts_anew_with_reboot(self):
        process = self.start(*self.arguments(kernel(), "--reboot", append="glassbox.action=reboot"))
        first = process.wait_for(UP)
        process.wait_for(UP, first)
        self.end_by_signal(process)
        self.assertEqual(process.errors(), [])

    def test_signals_while_it_boots(self):
        """From the first moment on; nothing but the status tells that it was there."""
        socket = self.directory / "console"
        arguments = self.arguments(kernel(), "-c", "2", "--console", f"unix:{socket}")
        for number, delay in ((signal.SIGTERM, 0), (signal.SIGINT, 0.3), (signal.SIGHUP, 1.5), (signal.SIGTERM, 3)):
            with self.subTest(signal=number.name, delay=delay):
                process = self.start(*arguments)
                vmm.wait_until(lambda p=process, n=number: p.is_blocked(n), "it blocks the signal")
                process.pump(delay)
                self.end_by_signal(process, number)
                self.assertFalse(socket.exists())
                self.assertFalse(os.path.exists(f"/proc/{process.process.pid}"))

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_idle_guest_uses_no_cpu(self):
        process = self.start(*self.arguments(kernel(), append="glassbox.action=sleep"))
        process.wait_for(UP)
        process.pump(2)
        before = self.cpu_seconds(process)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            process.pump(1)
        self.assertLess(self.cpu_seconds(process) - before, 2.5)
        self.end_by_signal(process)

    @staticmethod
    def cpu_seconds(process):
        fields = pathlib.Path(f"/proc/{process.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    vmm.main()
