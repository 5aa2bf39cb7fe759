# SPDX-License-Identifier: MIT
"""fio in a guest on a virtio disk over PCI, beside QEMU's with io_uring and a thread of its own, turn by turn: the same
kernel, the same image."""

import json
import pathlib
import statistics
import subprocess
import tempfile

from common import BUILD, GLASSBOX, SOURCE, Failed, Result, Skipped, fetch_kernel, need_program, qemu, where
import common
import honest

SECONDS = 4
DISK_BYTES = 256 << 20
PATIENCE = 300
MODULES = ("virtio_pci", "virtio_blk", "ext4")

# name: what fio does, and how its report tells the rate.
JOBS = {
    "disk.read-4k-qd1": ("--rw=randread --bs=4k --iodepth=1", "IOPS", lambda job: job["read"]["iops"]),
    "disk.read-4k-qd32": ("--rw=randread --bs=4k --iodepth=32", "IOPS", lambda job: job["read"]["iops"]),
    "disk.write-128k": ("--rw=write --bs=128k --iodepth=4 --end_fsync=1", "MiB/s",
                        lambda job: job["write"]["bw_bytes"] / (1 << 20)),
}

# fio is on the first disk, its file is the second.
INIT = """#!/bin/sh
mount -t devtmpfs dev /dev 2>/dev/null
while read -r module; do
    insmod "$module"
done </modules
for disk in vda vdb; do
    until [ -b /dev/$disk ]; do sleep 0.1; done
done
mkdir /debian
mount -t ext4 -o ro /dev/vda /debian
for type in devtmpfs:dev proc:proc sysfs:sys tmpfs:tmp; do
    mount -t ${type%%:*} none /debian/${type#*:}
done
%s
poweroff -f
"""
JOB = """echo "@@ %s $(chroot /debian fio --name=job --filename=/dev/vdb --ioengine=libaio --direct=1 --time_based \\
    --runtime=%d %s --output-format=json | tr -d ' \\n')"
"""


class Guest:
    """What both VMMs boot, in a directory that is there before the lab is."""

    def __init__(self):
        self.directory = BUILD / "bench/disk"
        self.initrd = self.directory / "initrd"
        self.debian = self.directory / "debian.img"
        self.kernel = fetch_kernel("--series", "6.1", "--print", "vmlinuz")

    def prepare(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        made = subprocess.run([SOURCE / "tools/mkdebian", "--include", "fio", "-o", self.debian], check=False,
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise Skipped("no image of Debian: " + made.stderr.strip()[-200:])
        init = self.directory / "init"
        init.write_text(INIT % "".join(JOB % (name, SECONDS, JOBS[name][0]) for name in JOBS))
        subprocess.run([SOURCE / "tools/mkinitramfs", "--compress", "none", "-o", self.initrd, "--init", init,
                        "--module-dir", fetch_kernel("--series", "6.1", "--print", "modules"), "--module", *MODULES],
                       check=True)

    def start_ours(self, disk):
        return subprocess.Popen(
            [GLASSBOX, "run", "--kernel", self.kernel, "--initrd", self.initrd, "--memory", "512M", "--append",
             "console=ttyS0 quiet panic=-1", "--disk", f"{self.debian},ro", "--disk", disk],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start_qemu(self, disk):
        arguments = []
        for number, (path, more) in enumerate(((self.debian, ",readonly=on"), (disk, ""))):
            arguments += ["-object", f"iothread,id=thread{number}", "-device",
                          f"virtio-blk-pci,drive=disk{number},iothread=thread{number}", "-drive",
                          f"if=none,id=disk{number},file={path},format=raw,aio=io_uring,cache=writeback{more}"]
        return qemu("-kernel", self.kernel, "-initrd", self.initrd, "-append", "console=ttyS0 quiet panic=-1",
                    "-serial", "stdio", *arguments, machine="pc,smm=off", stdout=subprocess.PIPE)

    def run(self, start, disk):
        """The rate of each job."""
        process = start(disk)
        try:
            said, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            process.kill()
            said, _ = process.communicate()
            raise Failed("no end of fio: ..." + said[-300:].decode(errors="replace")) from error
        rates = {}
        for line in said.decode(errors="replace").splitlines():
            if line.startswith("@@ "):
                _, name, report = line.split(" ", 2)
                if report.startswith("{"):
                    rates[name] = JOBS[name][2](json.loads(report)["jobs"][0])
        if set(rates) != set(JOBS):
            raise Failed("fio did not run: " + (errors + said)[-300:].decode(errors="replace"))
        return rates


def take(options, guest):
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as directory:
        disk = pathlib.Path(directory) / "disk.img"
        # Of blocks that are there: a hole is read without the disk.
        disk.write_bytes(b"\xa5" * DISK_BYTES)
        for _ in range(options.runs(5)):
            ours.append(guest.run(guest.start_ours, disk))
            if options.peers:
                theirs.append(guest.run(guest.start_qemu, disk))
    for name, (_, unit, _) in JOBS.items():
        result = Result(name, unit, [rates[name] for rates in ours], more_is_better=True, where=where())
        if theirs:
            result.peer, result.peer_value = "QEMU", statistics.median(rates[name] for rates in theirs)
        yield result
        if theirs:
            yield Result(name + ".ratio", "of QEMU's", [result.ratio], bar=1.0, more_is_better=True, where=where())


def benchmark(options):
    """fio on a virtio disk; with --peers beside QEMU with io_uring and an iothread"""
    if options.peers:
        need_program(common.QEMU, "qemu-system-x86")
    guest = Guest()
    return honest.measure("disk", options, guest.prepare, lambda: take(options, guest))
