# SPDX-License-Identifier: MIT
"""Debian itself, from an ext4 image: boot it to a login, and type at its prompt."""

import pathlib
import subprocess
import tempfile
import unittest

import linux_guest
import vmm_process as vmm
from linux_guest import kernel

MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_rng", "virtio_net", "virtio_console", "virtio_balloon",
           "virtiofs", "vmw_vsock_virtio_transport", "ext4")
LOGIN = b"glassbox login: "
PROMPT = b"root@glassbox:~# "


class Shell:
    """Root's shell on a console of the guest: a Vmm, for the serial port, or a Line."""

    def __init__(self, line):
        self.line = line
        at = line.wait_for(LOGIN)
        line.send(b"root\n")
        self.at = line.wait_for(PROMPT, at)

    def ask(self, command):
        """What a command says."""
        self.line.send((command + "\n").encode())
        # The echo.
        start = self.line.wait_for(b"\n", self.at)
        self.at = self.line.wait_for(PROMPT, start)
        return bytes(self.line.out[start:self.at - len(PROMPT)]).decode(errors="replace").replace("\r\n", "\n")


class DebianTest(linux_guest.LinuxTest):
    """All tests of a class share one disk."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="glassbox-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.disk = pathlib.Path(scratch.name) / "debian.img"
        made = subprocess.run([vmm.SOURCE / "tools/mkdebian", "-o", cls.disk], check=False, capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"no image of Debian: {made.stderr.strip()}")

    def boot(self, *args, series="6.1", cpus=1, console="ttyS0"):
        """Start it; whoever wants a login waits for it with a Shell."""
        initrd = self.initrd(modules=MODULES, module_dir=kernel("modules", series=series))
        return self.start(
            "-k", kernel(series=series), "-i", initrd, "-m", "512M", "-c", cpus, "--disk", self.disk,
            "-a", f"console={console} root=/dev/vda rw panic=-1 quiet systemd.show_status=0", *args, stdin="pipe")

    def power_off(self, process, shell, said=()):
        """The end of a guest that is well; the VMM has said no more than what these patterns fit."""
        shell.line.send(b"poweroff\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(len(process.errors()), len(said), process.errors())
        for line, pattern in zip(process.errors(), said):
            self.assertRegex(line, pattern)
