# SPDX-License-Identifier: MIT
"""`glassbox run` under test: start it, talk to its guest, and see how it ends.

For Python tests that ctest starts. Whatever a test leaves running is ended when its process object
is closed, by its process id.
"""

import contextlib
import fcntl
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("GLASSBOX_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("GLASSBOX_BUILD_DIR", SOURCE / "build/release"))
GLASSBOX = BUILD / "bin/glassbox"

STATUS_OK = 0
STATUS_FAILURE = 1
STATUS_USAGE = 2
STATUS_GUEST_PANIC = 3
STATUS_TRIPLE_FAULT = 4
STATUS_KVM_ERROR = 5
STATUS_SIGNALLED = 128
STATUS_SKIPPED = 77

# Ends what hangs; no test fails because a machine is slow.
PATIENCE = 240


class Vmm:
    """One `glassbox` process, with pipes or a terminal for its standard input and output.

    terminal: give it a pseudo-terminal for stdin and stdout (stderr is a pipe always).
    stdin: "pipe" (see send()) or "null".
    """

    def __init__(self, *args, terminal=False, stdin="null", env=None, command="run", prefix=()):
        self.out = bytearray()
        self.err = bytearray()
        self.terminal = None
        self._input = None
        arguments = [*prefix, str(GLASSBOX), *([command] if command else []), *map(str, args)]
        environment = {**os.environ, **(env or {})}
        if terminal:
            self.terminal, slave = pty.openpty()
            self.terminal_before = termios.tcgetattr(slave)
            # Another descriptor stays open, so that the terminal outlives the process.
            self._slave = slave
            stdin_fd = stdout_fd = slave
        else:
            stdin_fd = subprocess.PIPE if stdin == "pipe" else subprocess.DEVNULL
            stdout_fd = subprocess.PIPE
        self.process = subprocess.Popen(
            arguments, stdin=stdin_fd, stdout=stdout_fd, stderr=subprocess.PIPE, env=environment,
            start_new_session=True,
        )
        self._sources = {self.process.stderr.fileno(): self.err}
        if terminal:
            self._sources[self.terminal] = self.out
            self._input = self.terminal
        else:
            self._sources[self.process.stdout.fileno()] = self.out
            if stdin == "pipe":
                self._input = self.process.stdin.fileno()
        for fd in [*self._sources, *([self._input] if self._input is not None else [])]:
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """End what is left of it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self.hang_up()

    def hang_up(self):
        """Take its terminal away."""
        if self.terminal is not None:
            self._sources.pop(self.terminal, None)
            os.close(self.terminal)
            os.close(self._slave)
            self.terminal = None

    def pump(self, seconds):
        """Take in what it writes, for so long at most; return whether there was something."""
        if not self._sources:
            time.sleep(seconds)
            return False
        readable, _, _ = select.select(list(self._sources), [], [], seconds)
        for fd in readable:
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                self._sources[fd] += data
            else:
                del self._sources[fd]
        return bool(readable)

    def wait_for(self, text, since=0, stream="out", patience=PATIENCE):
        """Wait until its output (from byte `since` on) has `text`; return the position behind it."""
        text = text.encode() if isinstance(text, str) else text
        buffer = getattr(self, stream)
        deadline = time.monotonic() + patience
        while True:
            at = buffer.find(text, since)
            if at >= 0:
                return at + len(text)
            if self.process.poll() is not None and not self.pump(0):
                raise AssertionError(f"ended without {text!r}: {self.describe()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} in {patience} s: {self.describe()}")
            self.pump(0.1)

    def send(self, data):
        """Write to its standard input, reading its output meanwhile."""
        data = data.encode() if isinstance(data, str) else data
        deadline = time.monotonic() + PATIENCE
        while data:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it does not read its input: {self.describe()}")
            try:
                data = data[os.write(self._input, data):]
            except BlockingIOError:
                pass
            self.pump(0.02)

    def close_input(self):
        self.process.stdin.close()
        self.process.stdin = None

    def finish(self, patience=PATIENCE):
        """Wait for its end; return its status, 128 + N for signal N as shells have it."""
        deadline = time.monotonic() + patience
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not end: {self.describe()}")
            self.pump(0.05)
        while self.pump(0):
            if self.terminal is not None and not select.select([self.terminal], [], [], 0)[0]:
                break
        status = self.process.returncode
        return status if status >= 0 else STATUS_SIGNALLED - status

    def has_ended(self):
        return self.process.poll() is not None

    def signal(self, number):
        self.process.send_signal(number)

    def is_blocked(self, number):
        """Does it take this signal by itself already, instead of dying of it?"""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("SigBlk:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
        return False

    def errors(self):
        """What it wrote to stderr, as lines."""
        return self.err.decode(errors="replace").splitlines()

    def text(self):
        """What it wrote to stdout, with plain line ends."""
        return self.out.decode(errors="replace").replace("\r\n", "\n")

    def describe(self):
        return (f"{' '.join(map(str, self.process.args))}: status {self.process.poll()}; "
                f"stderr {self.err.decode(errors='replace')!r}; "
                f"end of stdout {bytes(self.out[-2000:])!r}")


def run(*args, patience=PATIENCE, **kwargs):
    """Run to the end; return the Vmm, with `status` set."""
    with Vmm(*args, **kwargs) as vmm:
        vmm.status = vmm.finish(patience)
        return vmm


def wait_until(condition, what, patience=PATIENCE):
    """Wait until condition() is true."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in {patience} s still not: {what}")
        time.sleep(0.01)


class TestCase(unittest.TestCase):
    """A test with a directory of its own, `self.directory`, that is gone afterwards."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="glassbox-test-")
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    def start(self, *args, **kwargs):
        """Start a Vmm that is ended with the test."""
        vmm = Vmm(*args, **kwargs)
        self.addCleanup(vmm.close)
        return vmm

    def end_by_signal(self, vmm, number=signal.SIGTERM):
        """End it as a user would, and require the status that is documented for that."""
        vmm.signal(number)
        self.assertEqual(vmm.finish(), STATUS_SIGNALLED + number, vmm.describe())


class PromptResult(unittest.TextTestResult):
    """Says at once what went wrong: a later test that hangs until it is killed would take that with it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.said = [0, 0]

    def stopTest(self, test):
        super().stopTest(test)
        self.printErrors()

    def printErrors(self):
        for i, what in enumerate((self.failures, self.errors)):
            for test, text in what[self.said[i]:]:
                self.stream.writeln(f"{test}: {text}")
            self.said[i] = len(what)
        self.stream.flush()


class PromptRunner(unittest.TextTestRunner):
    resultclass = PromptResult


def main():
    """Run the tests of the calling module; status 77 if all of them were skipped."""
    if not GLASSBOX.exists():
        print(f"skipped: {GLASSBOX} is not built")
        sys.exit(STATUS_SKIPPED)
    program = unittest.main(exit=False, verbosity=2, testRunner=PromptRunner)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun and len(result.skipped) == result.testsRun:
        print(f"skipped: {result.skipped[0][1]}")
        sys.exit(STATUS_SKIPPED)
