#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks at an NBD server under Debian's kernels: a qcow2 image by qemu-nbd, and a server that dies."""

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import disk_test  # noqa: E402
import vmm_process as vmm  # noqa: E402
from disk_test import MIB, MODULES  # noqa: E402
from linux_guest import kernel  # noqa: E402

LINES = 8

# Each of these writes is safe when it ends, without a flush.
WRITE_THROUGH = f"""
echo "write through" >/sys/block/vda/cache_type
echo "@@ cache_type"
cat /sys/block/vda/cache_type
for i in $(seq 0 {LINES - 1}); do
    echo "line $i" | dd of=/dev/vda bs=512 seek=$((40960 + i)) conv=notrunc,sync,fsync 2>/dev/null
done
"""

NBD_CMD_FLAG_FUA = 1

READ_UNTIL_IT_FAILS = """
dmesg -n 1
echo "@@ reads"
i=0
while dd if=/dev/vda of=/dev/null bs=64k count=1 skip=$i 2>/dev/null; do
    i=$(((i + 1) % 1024))
    echo 3 >/proc/sys/vm/drop_caches
done
echo "@@ errors"
dmesg | grep -c 'error.*vda'
echo "@@ on"
dd if=/dev/vda of=/dev/null bs=64k count=1 skip=900 2>/dev/null && echo "reads on"
dd if=/dev/zero of=/dev/vda bs=64k count=1 conv=notrunc,fsync 2>/dev/null && echo "writes on"
dmesg -c >/dev/null
echo "@@ other"
sha256sum </dev/vdb
"""


@unittest.skipUnless(shutil.which("qemu-nbd") and shutil.which("qemu-img"), "qemu-nbd is not installed (qemu-utils)")
class DiskNbdTest(disk_test.DiskTestCase):
    def setUp(self):
        super().setUp()
        self.socket = self.directory / "socket"
        self.log = self.directory / "server.log"
        self.disk = f"nbd+unix:///?socket={self.socket}"
        self.qcow2 = self.directory / "disk.qcow2"
        self.convert("raw", self.image, "qcow2", self.qcow2)

    def convert(self, from_format, source, to_format, target):
        subprocess.run(["qemu-img", "convert", "-f", from_format, "-O", to_format, source, target], check=True)

    def serve(self, *options):
        with self.log.open("w") as log:
            server = subprocess.Popen(["qemu-nbd", "--persistent", "--socket", self.socket, "--format", "qcow2", *options,
                                       self.qcow2], stderr=log)
        self.addCleanup(self.end, server)
        vmm.wait_until(lambda: self.socket.exists() or server.poll() is not None, "qemu-nbd listens")
        self.assertIsNone(server.poll(), self.log.read_text())
        return server

    def end(self, server):
        server.terminate()
        server.wait(vmm.PATIENCE)

    def assert_writes_are_durable(self, start, end):
        """The server was asked to complete each write in these bytes when it is safe (NBD_CMD_FLAG_FUA)."""
        writes = re.findall(r"flags = 0x(\w+), .type = 0x1, from = (\d+),", self.log.read_text())
        flags = [int(flags, 16) & NBD_CMD_FLAG_FUA for flags, offset in writes if start <= int(offset) < end]
        self.assertGreaterEqual(len(flags), LINES)
        self.assertNotIn(0, flags)

    def assert_served(self, *args, **kwargs):
        server = self.serve("--discard=unmap", "--trace=nbd_receive_request")
        report = self.look("--disk", self.disk, *args, **kwargs)
        self.assertEqual(report["ro"].strip(), "0")
        self.assertEqual(report["write_cache"].strip(), "write back")
        self.assertGreater(int(report["discard_max_bytes"]), 0)
        self.assertGreater(int(report["write_zeroes_max_bytes"]), 0)
        report = self.use(disk_test.WRITE + WRITE_THROUGH, "--disk", self.disk, *args, **kwargs)
        self.assertIn("wrote", report)
        self.assertEqual(report["cache_type"].strip(), "write through")
        self.end(server)
        self.assert_writes_are_durable(20 * MIB, 21 * MIB)
        self.convert("qcow2", self.qcow2, "raw", self.image)
        now = bytearray(self.image.read_bytes())
        for i in range(LINES):
            at = slice(20 * MIB + 512 * i, 20 * MIB + 512 * (i + 1))
            self.assertEqual(now[at], (b"line %d\n" % i).ljust(512, b"\0"))
            now[at] = self.content[at]
        self.assert_wrote(now)

    def test_qcow2_over_pci(self):
        self.assert_served("-c", 2)

    def test_qcow2_over_mmio(self):
        self.assert_served("--transport", "mmio", series="6.12")

    def test_read_only(self):
        self.serve("--read-only")
        refused = vmm.run("-k", kernel(), "--disk", self.disk)
        self.assertEqual(refused.status, vmm.STATUS_FAILURE, refused.describe())
        self.assertRegex(refused.errors()[0], r"for reading only; .*\(ro\)")
        self.assertEqual(self.look("--disk", f"{self.disk},ro")["ro"].strip(), "1")

    def test_reset_connects_again(self):
        self.image.write_bytes(b"0" + self.content[1:])
        self.convert("raw", self.image, "qcow2", self.qcow2)
        self.serve()
        self.assertIn("done", self.use(disk_test.COUNT_STARTS, "--disk", self.disk, "--reboot"))

    def test_server_is_killed(self):
        """The guest sees errors, and goes on; so does its other disk."""
        server = self.serve()
        process = self.start(*self.arguments(
            kernel(), "-c", 2, "--disk", self.disk, "--disk", self.image, modules=MODULES, module_dir=kernel("modules"),
            init=disk_test.INIT % ("vda vdb", READ_UNTIL_IT_FAILS)))
        process.wait_for("@@ reads")
        server.kill()
        report = self.finished_report(process, [f"warning: disk '.*{self.socket}': the connection is lost"])
        self.assertGreater(int(report["errors"]), 0)
        self.assertEqual(report["on"], "")
        self.assertEqual(report["other"].split()[0], hashlib.sha256(self.content).hexdigest())


if __name__ == "__main__":
    vmm.main()
