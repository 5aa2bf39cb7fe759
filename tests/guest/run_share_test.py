#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine with a shared folder: its virtiofsd lives as long as the machine, and no longer.

The guest has no driver. What a driver finds there is for the tests in tests/linux.
"""

import pathlib
import signal
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

WAIT = 'print "up"\nforever: hlt\n jmp forever'


def children_of(pid):
    """The processes that `pid` has made, and what these have made."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [process for child in map(int, children) for process in (child, *children_of(child))]


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class ShareTest(vmm.TestCase):
    def boot(self, code, *args, **kwargs):
        share = self.directory / "shared"
        share.mkdir()
        process = self.start("-k", run_kernel.assemble(self.directory, code), "--share", f"files={share},ro",
                             *args, **kwargs)
        try:
            process.wait_for("up")
        except AssertionError:
            reasons = ("virtiofsd is not installed", "namespaces", "no mount point")
            if any(reason in line for line in process.errors() for reason in reasons):
                raise unittest.SkipTest(process.errors()[0]) from None
            raise
        return process

    def assert_gone(self, pids):
        self.assertTrue(pids)
        for pid in pids:
            vmm.wait_until(lambda pid=pid: not is_there(pid), f"process {pid} is gone")

    def test_signal(self):
        process = self.boot(WAIT)
        pids = children_of(process.process.pid)
        self.end_by_signal(process)
        self.assertEqual(process.errors(), [])
        self.assert_gone(pids)

    def test_power_off(self):
        process = self.boot('print "up"\n power_off')
        self.assertEqual((process.finish(), process.errors()), (vmm.STATUS_OK, []))

    def test_sudden_death(self):
        process = self.boot(WAIT)
        pids = children_of(process.process.pid)
        process.signal(signal.SIGKILL)
        self.assertEqual(process.finish(), vmm.STATUS_SIGNALLED + signal.SIGKILL)
        self.assert_gone(pids)

    def test_virtiofsd_is_killed(self):
        """One line, and the machine goes on."""
        process = self.boot(WAIT)
        pids = children_of(process.process.pid)
        subprocess.run(["kill", "-KILL", str(pids[-1])], check=True)
        process.wait_for("\n", stream="err")
        self.assert_gone(pids)
        self.assertEqual(len(process.errors()), 1, process.describe())
        self.assertRegex(process.errors()[0],
                         "^glassbox: warning: the guest has lost the shared folder 'files' .*: virtiofsd: it ended$")
        self.assertFalse(process.has_ended())
        self.end_by_signal(process)

    def test_reset(self):
        """The machine that starts anew has one of its own."""
        process = self.boot('print "up"\n outb_to PM_RESET, 0x42\nforever: hlt\n jmp forever', "--reboot")
        first = children_of(process.process.pid)
        process.wait_for("upup")
        self.end_by_signal(process)
        self.assertEqual(process.errors(), [])
        self.assert_gone(first)

    def test_several(self):
        process = self.boot(WAIT, "--share", "root=/,ro", "--share", f"more={self.directory},transport=mmio")
        # Each is two processes.
        self.assertEqual(len(children_of(process.process.pid)), 6)
        self.end_by_signal(process)


if __name__ == "__main__":
    vmm.main()
