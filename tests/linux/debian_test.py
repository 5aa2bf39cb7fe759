#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian itself, from an ext4 image, to a login: by each transport, with each kernel."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_rng", "ext4")
LOGIN = "glassbox login: "
PROMPT = "root@glassbox:~# "


class DebianTest(linux_guest.LinuxTest):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="glassbox-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.disk = pathlib.Path(scratch.name) / "debian.img"
        made = subprocess.run([vmm.SOURCE / "tools/mkdebian", "-o", cls.disk], check=False, capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"no image of Debian: {made.stderr.strip()}")

    def log_in(self, *args, series="6.1", cpus=1, append="console=ttyS0"):
        """Boot to the login, and log in; return the process and where its output goes on."""
        initrd = self.initrd(modules=MODULES, module_dir=kernel("modules", series=series))
        process = self.start(
            "-k", kernel(series=series), "-i", initrd, "-m", "512M", "-c", cpus, "--rng", "--disk", self.disk,
            "-a", f"{append} root=/dev/vda rw panic=-1 quiet systemd.show_status=0", *args, stdin="pipe")
        at = process.wait_for(LOGIN)
        process.send("root\n")
        return process, process.wait_for(PROMPT, at)

    def ask(self, process, at, command):
        """Run a command in the guest; return its answer and where the output goes on."""
        process.send(command + "\n")
        at = process.wait_for("\n", at)
        end = process.wait_for(PROMPT, at)
        return bytes(process.out[at:end - len(PROMPT)]).decode(errors="replace").replace("\r\n", "\n"), end

    def power_off(self, process):
        process.send("poweroff\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(process.errors(), [])

    def boot(self, series, cpus, transport):
        with self.subTest(series=series, cpus=cpus, transport=transport):
            process, at = self.log_in("--transport", transport, series=series, cpus=cpus)
            answer, at = self.ask(process, at, "uname -r; nproc; findmnt -no SOURCE,FSTYPE /; readlink /sys/block/vda")
            release, processors, root, device = answer.splitlines()
            self.assertIn(series + ".", release)
            self.assertEqual(processors, str(cpus))
            self.assertEqual(root.split(), ["/dev/vda", "ext4"])
            self.assertIn({"pci": "0000:00:02.0/virtio", "mmio": "/LNRO0005:01/virtio"}[transport], device)
            answer, at = self.ask(process, at, "head -c 16 /dev/hwrng | wc -c; systemctl --failed --plain --no-legend")
            self.assertEqual(answer, "16\n", "a service failed")
            self.power_off(process)

    def test_pci(self):
        self.boot("6.1", 1, "pci")
        self.boot("6.12", 4, "pci")

    def test_mmio(self):
        self.boot("6.1", 4, "mmio")
        self.boot("6.12", 1, "mmio")

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_the_others(self):
        self.boot("6.1", 4, "pci")
        self.boot("6.12", 1, "pci")
        self.boot("6.1", 1, "mmio")
        self.boot("6.12", 4, "mmio")

    def test_what_was_synced_survives_a_kill(self):
        process, at = self.log_in()
        answer, at = self.ask(process, at, "echo kept >/var/synced && sync && echo done; echo lost >/var/not-synced")
        self.assertEqual(answer, "done\n")
        process.process.kill()
        self.assertEqual(process.finish(), vmm.STATUS_SIGNALLED + 9)
        process, at = self.log_in()
        answer, at = self.ask(process, at, "cat /var/synced")
        self.assertEqual(answer, "kept\n")
        self.power_off(process)

    @unittest.skipUnless(linux_guest.EVERYTHING, "only with GLASSBOX_TEST_ALL=1")
    def test_a_hundred_boots_in_a_row(self):
        for n in range(100):
            process, _ = self.log_in("--transport", ("pci", "mmio")[n % 2], series=("6.1", "6.12")[n // 2 % 2],
                                     cpus=(1, 4)[n // 4 % 2])
            self.power_off(process)


if __name__ == "__main__":
    vmm.main()
