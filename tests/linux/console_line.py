# SPDX-License-Identifier: MIT
"""The other end of a guest's console, for the tests of consoles."""

import os
import pathlib
import select
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import vmm_process as vmm  # noqa: E402

PROMPT = b"/ # "
CTRL_A = b"\x01"


class Line:
    """The other end of a console that is a socket or a terminal, as Vmm's send() and wait_for()."""

    def __init__(self, vmm_process, fd):
        self.process = vmm_process
        self.fd = fd
        self.out = bytearray()
        os.set_blocking(fd, False)

    def close(self):
        os.close(self.fd)

    def pump(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.out += os.read(self.fd, 65536)
            except (BlockingIOError, OSError):
                pass

    def wait_for(self, text, since=0):
        deadline = time.monotonic() + vmm.PATIENCE
        while (at := self.out.find(text, since)) < 0:
            self.process.pump(0)
            if time.monotonic() > deadline or self.process.process.poll() is not None:
                raise AssertionError(f"no {text!r}: {self.process.describe()}; console {bytes(self.out[-500:])!r}")
            self.pump(0.1)
        return at + len(text)

    def send(self, data):
        deadline = time.monotonic() + vmm.PATIENCE
        while data:
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not read its input: {self.process.describe()}")
            try:
                data = data[os.write(self.fd, data):]
            except BlockingIOError:
                pass
            self.pump(0.02)


def type_command(line):
    """Type one to the shell; return the position behind its answer.

    The answer is none that the echo of the command could be taken for. A terminal of ours may make two CRs
    of one: only what comes before them is looked for.
    """
    since = line.wait_for(PROMPT)
    line.send(b"expr 6 '*' 7; echo a-$((2 + 3))-b\n")
    line.wait_for(b"\n42\r", since)
    return line.wait_for(b"\na-5-b\r", since)
