# SPDX-License-Identifier: MIT
"""fio in a guest on a virtio disk over PCI, beside QEMU's with io_uring and a thread of its own, turn by turn: the same
kernel, the same image."""

import json
import pathlib
import subprocess
import tempfile

from common import SOURCE, Failed, Result, Skipped, end, where
import linux

SECONDS = 4
DISK_BYTES = 256 << 20

# name: what fio does, and how its report tells the rate.
JOBS = {
    "disk.read-4k-qd1": ("--rw=randread --bs=4k --iodepth=1", "IOPS", lambda job: job["read"]["iops"]),
    "disk.read-4k-qd32": ("--rw=randread --bs=4k --iodepth=32", "IOPS", lambda job: job["read"]["iops"]),
    "disk.write-128k": ("--rw=write --bs=128k --iodepth=4 --end_fsync=1", "MiB/s",
                        lambda job: job["write"]["bw_bytes"] / (1 << 20)),
}

# fio is on the first disk, its file is the second.
INIT = linux.START + """
for disk in vda vdb; do
    until [ -b /dev/$disk ]; do sleep 0.1; done
done
mkdir /debian
mount -t ext4 -o ro /dev/vda /debian
for type in devtmpfs:dev proc:proc sysfs:sys tmpfs:tmp; do
    mount -t ${type%%:*} none /debian/${type#*:}
done
%s
echo "@@ end"
poweroff -f
"""
JOB = """echo "@@ %s $(chroot /debian fio --name=job --filename=/dev/vdb --ioengine=libaio --direct=1 --time_based \\
    --runtime=%d %s --output-format=json | tr -d ' \\n')"
"""


def prepare(guest, debian):
    guest.make_initrd("--compress", "none", modules=("virtio_pci", "virtio_blk", "ext4"),
                      init=INIT % "".join(JOB % (name, SECONDS, JOBS[name][0]) for name in JOBS))
    made = subprocess.run([SOURCE / "tools/mkdebian", "--include", "fio", "-o", debian], check=False,
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise Skipped("no image of Debian: " + made.stderr.strip()[-200:])


def qemu_devices(debian, disk):
    arguments = []
    for number, (path, more) in enumerate(((debian, ",readonly=on"), (disk, ""))):
        arguments += ["-object", f"iothread,id=thread{number}", "-device",
                      f"virtio-blk-pci,drive=disk{number},iothread=thread{number}", "-drive",
                      f"if=none,id=disk{number},file={path},format=raw,aio=io_uring,cache=writeback{more}"]
    return arguments


def run_guest(process):
    """The rate of each job."""
    said = linux.read_until(process, b"@@ end")
    end(process)
    rates = {}
    for line in said.decode(errors="replace").splitlines():
        if line.startswith("@@ ") and line.count(" ") == 2:
            _, name, report = line.split(" ")
            if report.startswith("{"):
                rates[name] = JOBS[name][2](json.loads(report)["jobs"][0])
    if set(rates) != set(JOBS):
        raise Failed("fio did not run: ..." + said[-300:].decode(errors="replace"))
    return rates


def take(options, guest, debian):
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="glassbox-bench-") as directory:
        disk = pathlib.Path(directory) / "disk.img"
        # Of blocks that are there: a hole is read without the disk.
        disk.write_bytes(b"\xa5" * DISK_BYTES)
        for _ in range(options.runs(5)):
            ours.append(run_guest(guest.start("--disk", f"{debian},ro", "--disk", disk)))
            if options.peers:
                theirs.append(run_guest(guest.start_qemu(*qemu_devices(debian, disk), machine="pc,smm=off")))
    for name, (_, unit, _) in JOBS.items():
        result = Result(name, unit, [rates[name] for rates in ours], more_is_better=True, where=where())
        ratio = Result(name + ".ratio", "of QEMU's", [], bar=1.0, more_is_better=True)
        yield from linux.beside_qemu(result, [rates[name] for rates in theirs], ratio)


def benchmark(options):
    """fio on a virtio disk; with --peers beside QEMU with io_uring and an iothread"""
    guest = linux.Guest("disk", "512M")
    debian = guest.directory / "debian.img"
    return linux.measure("disk", options, lambda: prepare(guest, debian), lambda: take(options, guest, debian))
