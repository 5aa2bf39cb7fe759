# SPDX-License-Identifier: MIT
"""A guest in Glassbox and a real gdb at it, as the tests here need them. Everything is bounded."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GLASSBOX_BUILD_DIR", ROOT / "build" / "release"))
GLASSBOX = BUILD / "bin" / "glassbox"
HERE = ROOT / "tests" / "gdb"

# Nothing here is about time; this ends what hangs, also on a machine that is slow.
PATIENCE = 300


class Failure(Exception):
    """What was not as it should be, for the reader of the test's output."""


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def tool_output(*command):
    """What a tool of ours prints, or None if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE)
    return done.stdout.strip() if done.returncode == 0 else None


def await_true(condition, what):
    """Wait until condition() is true, and return what it returned."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise Failure("waited %d s for %s" % (PATIENCE, what))


class Kernel:
    """Debian's kernel, and what gdb knows about it."""

    def __init__(self):
        fetch = ROOT / "tools" / "fetch-kernel"
        found = tool_output(fetch, "--dbg")
        if found is None:
            skip("there is no kernel with debug information: tools/fetch-kernel --dbg")
        files = dict(line.split("=", 1) for line in found.splitlines())
        self.bzimage = files["vmlinuz"]
        self.vmlinux = files["vmlinux"]
        # Without the index, gdb reads all debug information at every start; that only takes longer.
        self.index = tool_output(ROOT / "tools" / "gdb-index", self.vmlinux)

    def address(self, function):
        found = re.search(r"^(\w+) [tT] %s$" % re.escape(function), tool_output("nm", self.vmlinux),
                          re.MULTILINE)
        if not found:
            raise Failure("the kernel has no function " + function)
        return int(found[1], 16)


class Machine:
    """One `glassbox run`. To be used in a with statement, which ends it."""

    def __init__(self, kernel, image, words, *options, console="file"):
        self.kernel = kernel
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="glassbox-gdb."))
        self.console_path = self.directory / "console"
        self.console_socket = None
        self.said = b""
        self.log_path = self.directory / "glassbox.log"
        self.gdb_socket = self.directory / "gdb"
        self.gdbs = []
        initrd = self.directory / "initrd.img"
        subprocess.run([ROOT / "tools" / "mkinitramfs", "--output", initrd], check=True, timeout=PATIENCE)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [GLASSBOX, "run", "--kernel", image, "--initrd", initrd, "--memory", "256M",
                 "--append", "console=ttyS0 " + words, "--gdb", "unix:%s" % self.gdb_socket,
                 "--console", "%s:%s" % (console, self.console_path), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.console_is_socket = console == "unix"

    def __enter__(self):
        try:
            await_true(lambda: "gdb can connect" in self.log() or self.process.poll() is not None,
                       "glassbox to listen for gdb")
            if self.process.poll() is not None:
                raise Failure("glassbox ended at once:\n" + self.log())
            if self.console_is_socket:
                self.console_socket = socket.socket(socket.AF_UNIX)
                self.console_socket.connect(str(self.console_path))
                self.console_socket.setblocking(False)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, traceback):
        for process in self.gdbs + [self.process]:
            if process.poll() is None:
                process.kill()
            process.wait()
        if kind is not None and issubclass(kind, Failure):
            print("--- glassbox\n%s--- end of the console\n%s" % (self.log(), self.console()[-3000:]))
        if self.console_socket:
            self.console_socket.close()
        shutil.rmtree(self.directory)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def console(self):
        """All that the guest has said so far."""
        if not self.console_is_socket:
            return self.console_path.read_text(errors="replace") if self.console_path.exists() else ""
        while self.console_socket:
            try:
                data = self.console_socket.recv(65536)
            except BlockingIOError:
                break
            if not data:
                break
            self.said += data
        return self.said.decode(errors="replace")

    def await_console(self, text):
        await_true(lambda: text in self.console() or self.process.poll() is not None,
                   "%r on the console" % text)
        if text not in self.console():
            raise Failure("glassbox ended (status %d) before its guest said %r"
                          % (self.process.returncode, text))

    def type(self, text):
        self.console_socket.sendall(text.encode())

    def await_end(self):
        """The exit status of glassbox."""
        await_true(lambda: self.process.poll() is not None or self.console() is None, "glassbox to end")
        return self.process.returncode

    def gdb(self, script, symbols=True, before=()):
        """Start gdb with a script of this directory, connected to the machine."""
        command = ["gdb", "-nx", "-batch", "-iex", "set confirm off", "-iex", "set pagination off",
                   "-iex", "set width 0", "-iex", "set debuginfod enabled off",
                   "-iex", "set trace-commands on"]
        if symbols:
            if self.kernel.index:
                command += ["-iex", "set index-cache directory " + self.kernel.index,
                            "-iex", "set index-cache enabled on"]
            command += [self.kernel.vmlinux]
        # Somebody else's emulator of a machine may take its time to answer.
        command += ["-ex", "set remotetimeout 60", "-ex", "set tcp auto-retry on"]
        for each in before:
            command += ["-ex", each]
        command += ["-ex", "target remote %s" % self.gdb_socket, "-x", HERE / script]
        return Gdb(self, command)


class Gdb:
    """A gdb at a Machine."""

    def __init__(self, machine, command):
        number = len(machine.gdbs)
        self.output_path = machine.directory / ("gdb-%d.output" % number)
        self.log_path = machine.directory / ("gdb-%d.log" % number)
        self.log_path.touch()
        with open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                cwd=machine.directory, env={**os.environ, "GDB_TEST_LOG": str(self.log_path), "LC_ALL": "C"})
        machine.gdbs.append(self.process)

    def output(self):
        """
        What it printed: commands behind a prompt, as a user sees them, and without the remarks about source
        files that are not here.
        """
        text = re.sub(r"^\++", "(gdb) ", self.output_path.read_text(errors="replace"), flags=re.MULTILINE)
        return re.sub(r"^(\d+\t)(in )?(\S+?)(: No such file or directory\.)?$", r"\1\3", text,
                      flags=re.MULTILINE)

    def notes(self):
        """The lines that the script left by `shell echo ... >>"$GDB_TEST_LOG"`."""
        return self.log_path.read_text().split()

    def await_note(self, note, count=1):
        await_true(lambda: self.notes().count(note) >= count or self.process.poll() is not None,
                   "gdb's script to come to '%s'" % note)
        if self.notes().count(note) < count:
            raise Failure("gdb ended before it came to '%s':\n%s" % (note, self.output()))

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        """Wait for its end; return what it printed."""
        await_true(lambda: self.process.poll() is not None, "the end of gdb; it said\n" + self.output())
        if self.process.returncode != 0:
            raise Failure("gdb ended with status %d and this output:\n%s"
                          % (self.process.returncode, self.output()))
        return self.output()
