# SPDX-License-Identifier: MIT
"""One of Debian's kernels with a shell on its console and a control socket, for tests that need both."""

import json

import linux_guest
import vmm_process as vmm
from control_client import ControlClient
from linux_guest import kernel

PROMPT = "/ # "
MODULES = ("virtio_pci", "virtio_mmio", "virtio_rng", "virtio_blk", "virtio_balloon")
STATUS_REFUSED = 3


class Guest:
    """A running machine; `test` is the LinuxTest that it ends with."""

    def __init__(self, test, *args, series="6.1", flavour="cloud", append="", modules=()):
        self.test = test
        self.path = test.directory / "machine"
        self.process = test.start(
            *test.arguments(kernel(series=series, flavour=flavour), "--control", f"unix:{self.path}", *args,
                            append=f"glassbox.action=shell {append}", modules=(*MODULES, *modules),
                            module_dir=kernel("modules", series=series, flavour=flavour)),
            stdin="pipe")
        self.at = self.process.wait_for(PROMPT, self.process.wait_for(linux_guest.UP))
        self.client = self.connect()

    def connect(self):
        """One more client of the control socket."""
        client = ControlClient(self.path)
        self.test.addCleanup(client.close)
        return client

    def type(self, command):
        self.process.send(command + "\n")
        # The echo.
        self.at = self.process.wait_for("\n", self.at)

    def run(self, command):
        """What a command in the guest prints."""
        self.type(command)
        start = self.at
        self.at = self.process.wait_for(PROMPT, start)
        return bytes(self.process.out[start:self.at - len(PROMPT)]).decode(errors="replace").replace("\r", "")

    def meminfo(self, name):
        """A line of /proc/meminfo, in bytes."""
        return int(self.run(f"sed -n 's/^{name}: *//p' /proc/meminfo").split()[0]) << 10

    def call(self, command, **arguments):
        return self.client.call(command, **arguments)

    def ctl(self, *words, status=vmm.STATUS_OK):
        """`glassbox ctl`; return what it prints."""
        ended = vmm.run(self.path, *words, command="ctl")
        self.test.assertEqual(ended.status, status, ended.describe())
        return ended.text()

    def ctl_json(self, *words):
        return json.loads(self.ctl("--json", *words))["result"]

    def resident(self):
        """Bytes of memory that the host has given to the process."""
        with open(f"/proc/{self.process.process.pid}/status", encoding="ascii") as file:
            (line,) = [line for line in file if line.startswith("VmRSS:")]
        return int(line.split()[1]) << 10

    def complaints(self):
        return self.run("dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace'")

    def power_off(self):
        """The end of a guest that is well."""
        self.test.assert_no_complaints(self.complaints())
        self.type("poweroff -f")
        self.test.assertEqual(self.process.finish(), vmm.STATUS_OK, self.process.describe())
