# SPDX-License-Identifier: MIT
"""Debian's kernels under `glassbox run`, with an init that reports what it finds."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import vmm_process as vmm  # noqa: E402

UP = "glassbox: user space up"
EVERYTHING = os.environ.get("GLASSBOX_TEST_ALL") == "1"

# Lines of the kernel's log that are expected.
TOLERATED = (
    # On AMD, of 6.12: its firmware does not let the guest control the processor's performance.
    r"amd_pstate: the _CPC object is not present in SBIOS or ACPI disabled$",
    # The host is slow, or has much else to do.
    r"hrtimer: interrupt took \d+ ns$",
    r"clocksource: .*(watchdog|readout|skew)",
    r"workqueue: \S+ hogged CPU for",
    r"perf: interrupt took too long",
)

# How an init begins: with the file systems of the kernel.
MOUNTS = """#!/bin/sh
mount -t devtmpfs dev /dev 2>/dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys"""
# The same, and the modules of its initramfs.
MODULES_LOADED = MOUNTS + """
while read -r module; do
    insmod "$module" || echo "cannot load $module"
done </modules"""

# Prints sections that begin with "@@ NAME". Only what is worse than a notice of the kernel's log:
# each byte on the console is an exit.
REPORT_INIT = f"""{MOUNTS}
echo "{UP}"
for command in \\
    "release uname -r" \\
    "cpus nproc" \\
    "memory sed -n s/^MemTotal:[^0-9]*//p /proc/meminfo" \\
    "clocksource cat /sys/devices/system/clocksource/clocksource0/current_clocksource" \\
    "date date +%s" \\
    "rtc cat /sys/class/rtc/rtc0/since_epoch" \\
    "packages cat /sys/devices/system/cpu/cpu*/topology/physical_package_id" \\
    "cores cat /sys/devices/system/cpu/cpu*/topology/core_id" \\
    "threads cat /sys/devices/system/cpu/cpu*/topology/thread_siblings_list" \\
    "flags sed -n s/^flags[^:]*://p /proc/cpuinfo" \\
    "interrupts cat /proc/interrupts" \\
    "warnings dmesg -r"
do
    set -- $command
    echo "@@ $1"
    shift
    case $* in
    dmesg*) "$@" | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace' ;;
    *) "$@" ;;
    esac
done
echo "@@ end"
poweroff -f
"""


def kernel(what="vmlinuz", flavour="cloud", series="6.1"):
    """Return the path of one of Debian's kernels; skip the test where it cannot be had."""
    command = [vmm.SOURCE / "tools/fetch-kernel", "--flavour", flavour, "--series", series, "--print", what]
    fetched = subprocess.run(command, check=False, capture_output=True, text=True)
    if fetched.returncode != 0:
        raise unittest.SkipTest(f"no kernel {flavour} {series}: {fetched.stderr.strip()}")
    return fetched.stdout.strip()


class LinuxTest(vmm.TestCase):
    """A test that boots Linux with an initramfs that is made for it."""

    def assert_no_complaints(self, warnings):
        left = [line for line in warnings.splitlines()
                if not any(re.search(pattern, line) for pattern in TOLERATED)]
        self.assertEqual(left, [], "the kernel's log has warnings")

    def initrd(self, init=None, modules=(), module_dir=None, files=None):
        """Make one; `files` says where in the guest files of the host are to be."""
        path = self.directory / "initrd"
        command = [vmm.SOURCE / "tools/mkinitramfs", "--compress", "none", "-o", path]
        if modules:
            command += ["--module-dir", module_dir, "--module", *modules]
        if files:
            command += ["--file", *(f"{source}:{target}" for source, target in files.items())]
        if init:
            script = self.directory / "init"
            script.write_text(init)
            command += ["--init", script]
        subprocess.run(command, check=True)
        return path

    def arguments(self, image, *args, append="", **initrd):
        """Arguments for a guest that resets at once if its kernel panics."""
        return ("-k", image, "-i", self.initrd(**initrd), "-m", "256M",
                "-a", f"console=ttyS0 panic=-1 quiet {append}", *args)

    def report(self, image, *args, append="", init=REPORT_INIT, **initrd):
        """Boot, let it power off, and return the sections of the report."""
        return self.finished_report(self.start(*self.arguments(image, *args, append=append, init=init, **initrd)))

    def finished_report(self, guest, errors=()):
        """Let `guest` power off, saying lines like `errors`, and return the sections of its report."""
        status = guest.finish()
        self.assertEqual((status, len(guest.errors())), (vmm.STATUS_OK, len(errors)), guest.describe())
        for line, pattern in zip(guest.errors(), errors):
            self.assertRegex(line, pattern)
        self.assertIn("@@ end\n", guest.text(), guest.describe())
        parts = re.split(r"^@@ (\w+)\n", guest.text(), flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2]))
