#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks under Debian's kernels: what the guest finds there, and what it wrote is on the host."""

import hashlib
import os
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "ext4")
SIZE = 64 << 20
MIB = 1 << 20

# Waits for its disks, then does what the test wants.
INIT = f"""{linux_guest.MODULES_LOADED}
for disk in %s; do
    until [ -b /dev/$disk ]; do sleep 0.1; done
done
echo "{linux_guest.UP}"
%s
echo "@@ warnings"
dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|Call Trace'
echo "@@ end"
poweroff -f
"""

LOOK = """
cd /sys/block/vda
for file in size serial ro queue/write_cache queue/rotational queue/discard_max_bytes queue/write_zeroes_max_bytes \\
        queue/logical_block_size queue/physical_block_size; do
    echo "@@ $(basename $file)"
    echo $(cat $file)
done
echo "@@ queues"
ls mq | wc -l
echo "@@ device"
readlink /sys/block/vda
echo "@@ sha256"
sha256sum </dev/vda
"""

# One MiB at 5 MiB that is safe, and one at 9 MiB that the guest erases.
WRITE = """
dd if=/dev/vda of=/dev/vda bs=1M count=1 seek=5 conv=notrunc,fsync 2>/dev/null
blkdiscard -z -o 9437184 -l 1048576 /dev/vda 2>/dev/null || dd if=/dev/zero of=/dev/vda bs=1M count=1 seek=9 conv=notrunc,fsync 2>/dev/null
echo "@@ wrote"
sync
"""

# Each start counts one up, on the disk.
COUNT_STARTS = """
dd if=/dev/vda of=/count bs=1 count=1 2>/dev/null
case $(cat /count) in
2) echo "@@ done" ;;
*)
    if [ "$(cat /count)" = 1 ]; then printf 2; else printf 1; fi | dd of=/dev/vda bs=1 conv=notrunc,fsync 2>/dev/null
    reboot -f
    ;;
esac
"""


class DiskTestCase(linux_guest.LinuxTest):
    """A test with a raw image, which has a pattern."""

    def setUp(self):
        super().setUp()
        self.image = self.directory / "disk.img"
        self.content = b"".join(hashlib.sha512(b"%d" % i).digest() for i in range(SIZE // 64 // 64)) * 64
        self.image.write_bytes(self.content)

    def use(self, script, *args, series="6.1", append="", disks="vda"):
        report = self.report(kernel(series=series), *args, append=append, init=INIT % (disks, script), modules=MODULES,
                             module_dir=kernel("modules", series=series))
        self.assert_no_complaints(report["warnings"])
        return report

    def look(self, *args, **kwargs):
        report = self.use(LOOK, *args, **kwargs)
        self.assertEqual(int(report["size"]), SIZE // 512)
        self.assertEqual(report["sha256"].split()[0], hashlib.sha256(self.content).hexdigest())
        self.assertEqual(report["logical_block_size"].strip(), "512")
        return report

    def assert_wrote(self, now):
        """This is what the WRITE of the guest makes of the image."""
        expected = bytearray(self.content)
        expected[5 * MIB:6 * MIB] = expected[:MIB]
        expected[9 * MIB:10 * MIB] = bytes(MIB)
        self.assertEqual(hashlib.sha256(now).hexdigest(), hashlib.sha256(expected).hexdigest())


class DiskTest(DiskTestCase):
    def test_pci(self):
        report = self.look("-c", 2, "--disk", f"{self.image},serial=first-disk")
        self.assertIn("0000:00:01.0/virtio0", report["device"])
        self.assertEqual(report["serial"].strip(), "first-disk")
        self.assertEqual(report["queues"].strip(), "2")
        self.assertEqual(report["ro"].strip(), "0")
        self.assertEqual(report["write_cache"].strip(), "write back")
        self.assertGreater(int(report["discard_max_bytes"]), 0)
        self.assertGreater(int(report["write_zeroes_max_bytes"]), 0)

    def test_mmio_read_only(self):
        report = self.look("-c", 2, "--disk", f"{self.image},ro,queues=1,transport=mmio", "--rng", series="6.12")
        self.assertIn("/LNRO0005:00/virtio", report["device"])
        self.assertEqual(report["queues"].strip(), "1")
        self.assertEqual(report["ro"].strip(), "1")

    def assert_written(self, *args, **kwargs):
        self.assertIn("wrote", self.use(WRITE, *args, **kwargs))
        self.assert_wrote(self.image.read_bytes())

    def test_writes_over_pci(self):
        self.assert_written("--disk", self.image, series="6.12")

    def test_writes_over_mmio_past_the_cache(self):
        try:
            os.close(os.open(self.image, os.O_RDWR | os.O_DIRECT))
        except OSError:
            self.skipTest("no direct I/O on this file system")
        self.assert_written("--disk", f"{self.image},direct", "--transport", "mmio", "-c", 2)

    def test_order(self):
        """The first one is vda, whatever is between them."""
        other = self.directory / "other.img"
        other.write_bytes(bytes(MIB))
        report = self.use('echo "@@ sizes"\ncat /sys/block/vd[ab]/size',
                          "--disk", self.image, "--rng", "--disk", other, disks="vda vdb")
        self.assertEqual(report["sizes"].split(), [str(SIZE // 512), str(MIB // 512)])

    def test_the_host_has_no_space(self):
        """The guest sees an error, and goes on; so does its other disk."""
        small = self.directory / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("a full file system takes the right to mount")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        image = small / "thin.img"
        with image.open("wb") as file:
            file.truncate(16 * MIB)
        script = """
dd if=/dev/zero of=/dev/vdb bs=1M count=8 conv=notrunc,fsync
echo "@@ after"
dmesg | grep -c 'error.*vdb'
dmesg -c >/dev/null
sha256sum </dev/vda
"""
        report = self.use(script, "--disk", self.image, "--disk", image, disks="vda vdb")
        self.assertGreater(int(report["after"].split()[0]), 0)
        self.assertEqual(report["after"].split()[1], hashlib.sha256(self.content).hexdigest())

    def test_one_machine_at_a_time(self):
        arguments = self.arguments(kernel(), "--disk", self.image, append="glassbox.action=sleep",
                                   modules=MODULES, module_dir=kernel("modules"))
        first = self.start(*arguments)
        first.wait_for(linux_guest.UP)
        second = vmm.run(*arguments)
        self.assertEqual(second.status, vmm.STATUS_FAILURE)
        self.assertRegex(second.errors()[0], f"'{re.escape(str(self.image))}': another virtual machine uses it")
        self.end_by_signal(first)
        self.assertEqual(self.image.read_bytes(), self.content)

    def test_reset_keeps_the_disk(self):
        self.image.write_bytes(b"0" + self.content[1:])
        self.assertIn("done", self.use(COUNT_STARTS, "--disk", self.image, "--reboot"))

    def test_what_was_synced_survives_a_kill(self):
        script = """
echo "synced by the guest" | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null
echo "@@ synced"
while :; do echo "not synced" | dd of=/dev/vda seek=8 conv=notrunc 2>/dev/null; done
"""
        process = self.start(*self.arguments(
            kernel(), "--disk", self.image, init=INIT % ("vda", script), modules=MODULES, module_dir=kernel("modules")))
        process.wait_for("@@ synced")
        process.process.kill()
        self.assertEqual(process.finish(), vmm.STATUS_SIGNALLED + 9)
        report = self.use('echo "@@ first"\nhead -n 1 /dev/vda', "--disk", self.image)
        self.assertEqual(report["first"], "synced by the guest\n")


if __name__ == "__main__":
    vmm.main()
