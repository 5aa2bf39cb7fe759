#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels mount shared folders: files go both ways whole, over each transport; read-only is read-only.

A boot takes longer than most of what is tried, so each test tries all that its machine allows.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "guest")]
import linux_guest  # noqa: E402
import run_share_test  # noqa: E402
import vmm_process as vmm  # noqa: E402
from control_client import ControlClient  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtiofs")
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
FILES = 40
BIG_BYTES = 2_000_003
NEW_BYTES = 1_000_001
SMALL = b"a line, and no more\n"
BASHRC = pathlib.Path("/root/.bashrc")
WARNINGS = "dmesg -r | grep -aE '^<[0-4]>|BUG|WARNING|Oops|ACPI Error|Call Trace'"

# What use() reads, it names by its checksum; what it writes, the host checks.
START = f"""{linux_guest.MODULES_LOADED}
echo "{linux_guest.UP}"
mkdir /share /fixed
use() {{
    mount -t virtiofs files /share || echo "cannot mount"
    echo "@@ read$1"
    sha256sum /share/big | cut -d' ' -f1
    cat /share/small
    ls /share/many | wc -l
    cat /share/many/* | sha256sum | cut -d' ' -f1
    readlink /share/link
    echo "@@ written$1"
    head -c {NEW_BYTES} /dev/urandom >/tmp/new
    cp /tmp/new "/share/new$1"
    sha256sum "/share/new$1" /tmp/new | cut -d' ' -f1
    (for i in 1 2 3; do cat /share/big /share/many/* | sha256sum & done; wait) | sort -u | wc -l
    echo "$1" >>/share/turns
    mkdir /share/dir$1 && mv /share/many/$1 /share/dir$1/moved
    rm /share/many/1$1 || echo "no file 1$1"
    chmod 600 /share/many/2$1
    umount /share
    echo "@@ warnings$1"
    {WARNINGS}
}}
"""

# The driver leaves the devices and takes them again; then the share "fixed" is gone in the midst:
# who asks for a file of it, or to sync, waits for ever, nobody else.
REBIND_INIT = START + """
use 1
cd /sys/bus/virtio/drivers/virtiofs
for device in virtio*; do
    echo "$device" >unbind
    echo "$device" >bind
done
cd /
echo 1 >/share/not-mounted
use 2
mount -t virtiofs files /share
mount -t virtiofs fixed /fixed
echo "@@ read_only"
cat /fixed/small
echo "@@ refused"
echo more >>/fixed/small
touch /fixed/new
rm /fixed/small
mkdir /fixed/dir
chmod 600 /fixed/small
mv /fixed/small /fixed/smaller
mount -o remount,rw /fixed && touch /fixed/newer
echo "@@ end"
echo "ready"
read -r line
cat /sys/bus/virtio/devices/virtio*/status
cat /fixed/other &
sleep 1
cat /share/turns
poweroff -n -f
"""

RESET_INIT = START + """
mount -t virtiofs files /share
turn=$(($(wc -l </share/turns) + 1))
umount /share
use $turn
echo "@@ end"
[ $turn = 2 ] || reboot -f
poweroff -f
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


class ShareTest(linux_guest.LinuxTest):
    def setUp(self):
        super().setUp()
        self.share = self.directory / "shared"
        (self.share / "many").mkdir(parents=True)
        self.big = os.urandom(BIG_BYTES)
        (self.share / "big").write_bytes(self.big)
        (self.share / "small").write_bytes(SMALL)
        (self.share / "turns").write_bytes(b"")
        (self.share / "link").symlink_to("many/5")
        for i in range(FILES):
            (self.share / f"many/{i}").write_bytes(bytes([i]) * (i * 997))

    def many(self):
        return b"".join(path.read_bytes() for path in sorted((self.share / "many").iterdir()))

    def boot(self, *args, series="6.1", init, **kwargs):
        return self.start(*self.arguments(kernel(series=series), "--share", f"files={self.share}", "-c", 2, *args,
                                          init=init, modules=MODULES, module_dir=kernel("modules", series=series)),
                          **kwargs)

    def check_use(self, report, before):
        """Of use 1 and use 2, after these; `before` is what many() was."""
        self.assertEqual(report["read1"].splitlines(),
                         [sha256(self.big), *SMALL.decode().splitlines(), str(FILES), sha256(before), "many/5"])
        self.assertEqual(report["read2"].splitlines()[2], str(FILES - 2))
        for turn in "12":
            written = (self.share / f"new{turn}").read_bytes()
            self.assertEqual(len(written), NEW_BYTES)
            self.assertEqual(report[f"written{turn}"].splitlines(), [sha256(written), sha256(written), "1"])
            self.assertEqual((self.share / f"dir{turn}/moved").read_bytes(), bytes([int(turn)]) * 997 * int(turn))
            self.assertFalse((self.share / f"many/1{turn}").exists())
            self.assertEqual((self.share / f"many/2{turn}").stat().st_mode & 0o777, 0o600)
            self.assert_no_complaints(report[f"warnings{turn}"])
        self.assertEqual((self.share / "turns").read_text(), "1\n2\n")
        self.assertFalse((self.share / "not-mounted").exists())

    def check_queue(self, control):
        """Of a queue that somebody else serves, the ring tells: nothing is under way."""
        with ControlClient(control) as client:
            queue = client.call("info-virtio", device="virtio-fs0")["queues"][1]
        self.assertTrue(queue["enabled"] and not queue["broken"], queue)
        self.assertGreater(queue["used"], 0)
        self.assertEqual(queue["avail"], queue["used"])
        self.assertNotIn("in_flight", queue)

    def test_pci(self):
        """Memory above the hole is in the file of the memory, too, behind what is below."""
        before = self.many()
        fixed = self.directory / "fixed"
        fixed.mkdir()
        for name in ("small", "other"):
            (fixed / name).write_bytes(SMALL)
        control = self.directory / "control"
        process = self.boot("--share", f"fixed={fixed},ro", "-m", "3500M", "--control", f"unix:{control}",
                            init=REBIND_INIT, stdin="pipe")
        process.wait_for("ready")
        self.check_queue(control)
        subprocess.run(["kill", "-KILL", str(run_share_test.children_of(process.process.pid)[-1])], check=True)
        process.wait_for("virtiofsd: it ended", stream="err")
        process.send("\n")
        report = self.finished_report(process, errors=("control socket at",
                                                       "the guest has lost the shared folder 'fixed'"))
        self.check_use(report, before)
        self.assertEqual(report["read_only"].encode(), SMALL)
        self.assertEqual(report["refused"].count("Read-only file system\n"), 7, report["refused"])
        self.assertEqual(contents(fixed), {"small": SMALL, "other": SMALL})
        # DEVICE_NEEDS_RESET beside what the driver had set.
        self.assertIn("0x0000000f\n0x0000004f\n1\n2\n", report["end"])

    def test_mmio_and_reset(self):
        before = self.many()
        process = self.boot("--transport", "mmio", "--reboot", series="6.12", init=RESET_INIT)
        self.check_use(self.finished_report(process), before)


class RootfsTest(vmm.TestCase):
    """A guest whose root is the host's."""

    def boot(self, *args, series="6.1", options="", append="", **kwargs):
        return self.start("-k", kernel(series=series), "-m", "512M", "-a", f"quiet panic=-1 {append}",
                          "--rootfs-share", f"/,modules={kernel('modules', series=series)}{options}", *args, **kwargs)

    def ended(self, process, status=vmm.STATUS_OK):
        """Let it end; return what it said."""
        self.assertEqual((process.finish(), process.errors()), (status, []), process.describe())
        return process.text()

    def test_command(self):
        """Programs of the host run, what they write stays in the guest; without MSI-X, with exits for doorbells."""
        new = self.directory / "new"
        command = "; ".join((
            f"uname -r; sha256sum {vmm.GLASSBOX}", "id -u",
            "sed -n 's/^overlay .* overlay .*/root is an overlay/p' /proc/mounts",
            f"mkdir -p {self.directory} && echo text >{new} && cat {new}", "touch /etc/hostname && echo touched",
            "test -e /lib/modules/$(uname -r)/modules.builtin && echo modules", "exit 7"))
        said = self.ended(self.boot("--exec", command, "--debug-exit", "--trace-doorbells", append="pci=nomsi"), 35)
        for line in (sha256(vmm.GLASSBOX.read_bytes()), "\n0\n", "root is an overlay\n", "text\n", "touched\n",
                     "modules\n", "glassbox: the command ended with status 7\n"):
            self.assertIn(line, said)
        self.assertRegex(said, r"(?m)^6\.1\.\S+$")
        self.assertFalse(new.exists())

    def test_command_that_succeeds(self):
        self.ended(self.boot("--exec", "true", "--debug-exit"), 33)

    def without_bashrc(self):
        """A prefix of glassbox: what root's shell does when it starts is this host's own, and can take a minute."""
        if os.geteuid() != 0 or not BASHRC.exists():
            return ()
        empty = self.directory / "empty"
        empty.touch()
        return ("unshare", "--mount", "sh", "-c", f"mount --bind '{empty}' {BASHRC} && exec \"$@\"", "sh")

    def test_shell(self):
        process = self.boot(series="6.12", options=",transport=mmio", stdin="pipe", prefix=self.without_bashrc())
        process.wait_for("# ")
        process.send("expr 6 '*' 7; cat /proc/1/comm; uname -r; readlink -f /sys/bus/virtio/devices/virtio0\n")
        process.wait_for("42\r\ninit\r\n6.12.")
        process.wait_for("/LNRO0005:00/virtio0\r\n")
        process.send("exit\n")
        self.ended(process)

    def test_init_of_the_host(self):
        command = '"echo $$-is-me; echo o >/proc/sysrq-trigger; sleep 100"'
        self.assertIn("1-is-me\n", self.ended(self.boot(append=f"init=/bin/sh -- -c {command}")))

    def test_without_modules(self):
        """The kernel has not built them in, and is told where to look for none."""
        process = self.start("-k", kernel(), "-a", "quiet panic=-1", "--rootfs-share", self.directory)
        self.assertIn("glassbox: the kernel needs virtio_pci, virtiofs and overlay, built in or as modules",
                      self.ended(process))


if __name__ == "__main__":
    if not pathlib.Path(VIRTIOFSD).exists():
        print("skipped: virtiofsd is not installed")
        sys.exit(vmm.STATUS_SKIPPED)
    vmm.main()
