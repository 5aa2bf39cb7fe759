#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The session of docs/control.md, as it stands there."""

import pathlib
import re
import shlex
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from control_client import ControlClient  # noqa: E402
from expected import alike, difference  # noqa: E402
from linux_guest import kernel  # noqa: E402

DOCUMENT = vmm.SOURCE / "docs/control.md"
BLOCK = re.compile(r"<!-- session -->\n+```console\n(.*?)```", re.DOTALL)
MODULES = ("virtio_pci", "virtio_blk", "virtio_rng", "virtio_balloon")


def commands():
    """The (command, what it prints) of all blocks, in their order."""
    steps = []
    for line in "".join(BLOCK.findall(DOCUMENT.read_text())).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return [(command, "\n".join(answer)) for command, answer in steps]


class ControlDocumentTest(linux_guest.LinuxTest):
    def in_directory(self):
        """A prefix for programs that are to find the session's files."""
        return ("sh", "-c", f"cd '{self.directory}' && exec \"$@\"", "sh")

    def start_machine(self, command):
        words = shlex.split(command.removesuffix("&"))
        process = self.start(*words[2:], prefix=self.in_directory())
        process.wait_for("control socket at", stream="err")
        client = ControlClient(self.directory / "machine")
        self.addCleanup(client.close)

        def ready():
            devices = client.call("info-devices")["devices"]
            return all("DRIVER_OK" in device["status"] for device in devices if "status" in device)

        vmm.wait_until(ready, "the guest's drivers are there")
        return process

    def test_session(self):
        (self.directory / "vmlinuz").symlink_to(kernel())
        self.initrd(modules=MODULES, module_dir=kernel("modules")).rename(self.directory / "initrd.img")
        with (self.directory / "disk.img").open("wb") as image:
            image.truncate(64 << 20)
        process = None
        for command, answer in commands():
            with self.subTest(command=command):
                if command.startswith("glassbox run "):
                    process = self.start_machine(command)
                    continue
                ended = vmm.run(*shlex.split(command)[2:], command="ctl", prefix=self.in_directory())
                self.assertEqual((ended.status, ended.errors()), (vmm.STATUS_OK, []))
                self.assertIsNone(difference(answer, ended.text(), alike))
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())


if __name__ == "__main__":
    vmm.main()
