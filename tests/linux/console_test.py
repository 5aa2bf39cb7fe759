#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A shell in a guest, through each kind of console: what is typed arrives, what it says comes back."""

import hashlib
import os
import pathlib
import re
import signal
import socket
import sys
import termios
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from console_line import CTRL_A, PROMPT, Line, type_command  # noqa: E402
from linux_guest import kernel  # noqa: E402

PASTE_BYTES = 20000


class ConsoleTest(linux_guest.LinuxTest):
    def start_shell(self, *args, **kwargs):
        return self.start(*self.arguments(kernel(), *args, append="glassbox.action=shell"), **kwargs)

    def test_pipe(self):
        process = self.start_shell(stdin="pipe")
        type_command(process)
        process.send("poweroff -f\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_terminal(self):
        process = self.start_shell(terminal=True)
        vmm.wait_until(lambda: not self.has_echo(process) or process.process.poll() is not None, "raw mode")
        at = type_command(process)
        # Ctrl-C is the guest's.
        at = process.wait_for(PROMPT, at)
        process.send(b"sleep 1000\n")
        at = process.wait_for(b"sleep 1000\r", at)
        at = self.interrupt(process, at)
        # A Ctrl-A for the guest.
        process.send(b"cat -v\n")
        at = process.wait_for(b"cat -v\r", at)
        process.send(CTRL_A + b"a" + b"b" + CTRL_A + CTRL_A + b"\n")
        at = process.wait_for(b"\n^Ab^A\r", at)
        process.send(b"\x04")
        at = process.wait_for(PROMPT, at)
        # Ctrl-A x quits.
        process.send(CTRL_A + b"x")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assert_restored(process)

    def interrupt(self, process, since):
        """Ctrl-C until there is a prompt: one that comes before the shell has begun to wait is lost."""
        deadline = time.monotonic() + vmm.PATIENCE
        while PROMPT not in process.out[since:]:
            self.assertLess(time.monotonic(), deadline, process.describe())
            process.send(b"\x03")
            process.pump(2)
        return process.wait_for(PROMPT, since)

    def has_echo(self, process):
        return bool(termios.tcgetattr(process._slave)[3] & termios.ECHO)

    def assert_restored(self, process):
        self.assertEqual(termios.tcgetattr(process._slave), process.terminal_before)

    def test_terminal_is_restored_after_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=number.name):
                process = self.start_shell(terminal=True)
                vmm.wait_until(lambda p=process: not self.has_echo(p), "raw mode")
                self.end_by_signal(process, number)
                self.assert_restored(process)

    def test_terminal_is_restored_after_a_failure(self):
        process = self.start("-k", "/nonexistent", terminal=True)
        self.assertEqual(process.finish(), vmm.STATUS_FAILURE)
        self.assert_restored(process)

    def test_pty(self):
        process = self.start_shell("--console", "pty")
        process.wait_for("console at /dev/pts/", stream="err")
        name = re.search(r"console at (\S+)", process.err.decode())[1]
        fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        type_command(Line(process, fd))
        self.end_by_signal(process)

    def test_paste_through_a_socket(self):
        """20 kB at once arrive complete, whatever the guest's pace; the guest has no flow control."""
        path = self.directory / "console"
        process = self.start_shell("--console", f"unix:{path}")
        vmm.wait_until(path.exists, "the socket is there")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(path))
        line = Line(process, client.fileno())
        at = type_command(line)
        # The terminal's canonical mode wants lines, of 4 kB at most.
        text = b"".join(b"%06d %s\n" % (i, b"abcdefghijklmnopqrstuvwxyz"[i % 13:]) for i in range(PASTE_BYTES // 27))
        line.wait_for(PROMPT, at)
        line.send(b"stty -echo; sha256sum; stty echo\n")
        line.wait_for(b"stty echo\r", at)
        line.pump(1)
        line.send(text)
        line.send(b"\x04")
        line.wait_for(hashlib.sha256(text).hexdigest().encode(), at)
        line.send(b"poweroff -f\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertFalse(path.exists())


if __name__ == "__main__":
    vmm.main()
