#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad input: every refusal is one line that names the thing and the cause, and leaves nothing behind."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / part) for part in ("support", "guest")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

NOBODY = 65534

# Of addresses: what no host would take.
WRONG_IN_ITSELF = ("must be", "form", "port", "1 to 107")


def processes_of_session(session):
    """The processes of a session of processes, by /proc; zombies do not count."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


class RefusalTest(vmm.TestCase):
    def setUp(self):
        super().setUp()
        self.kernel = run_kernel.assemble(self.directory, 'print "running"\n power_off')
        self.work = self.directory / "work"
        self.work.mkdir()

    def put(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return path

    def list_files(self):
        return sorted((str(path), path.is_dir() or path.lstat().st_mtime_ns) for path in self.directory.rglob("*"))

    def assert_refused(self, arguments, pattern, status=vmm.STATUS_FAILURE, **kwargs):
        """It ends with this status and one line that the regular expression describes."""
        with self.subTest(arguments=[str(argument)[:60] for argument in arguments]):
            before = self.list_files()
            ended = vmm.run(*arguments, patience=30, **kwargs)
            self.assertEqual(ended.status, status, ended.describe())
            self.assertEqual(ended.text(), "")
            self.assertEqual(len(ended.errors()), 1, ended.describe())
            line = ended.errors()[0]
            self.assertRegex(line, r"^glassbox( run| doctor)?: ")
            self.assertRegex(line, pattern)
            self.assertEqual(self.list_files(), before, "something is left behind")
            self.assertEqual(processes_of_session(ended.process.pid), [])

    def refuse_kernel(self, kernel, cause):
        self.assert_refused(("-k", kernel), f"kernel '{re.escape(str(kernel))}'.*{cause}")

    # The command line itself

    def test_unknown_and_incomplete_options(self):
        for arguments, pattern in (
            ((), "--kernel FILE is missing"),
            (("--frobnicate",), "'--frobnicate'"),
            (("-z",), "'z'"),
            (("-k",), "'k'"),
            (("-k", self.kernel, "--memory"), "'--memory'"),
            (("-k", self.kernel, "--kaslr=yes"), "'--kaslr'"),
            (("-k", self.kernel, "more"), "'more'"),
            (("-k", self.kernel, "--", "more"), "'more'"),
            (("-k", self.kernel, "--wait-gdb"), "--wait-gdb needs --gdb"),
            (("-k", self.kernel, "--exec", "true"), "--exec needs --rootfs-share"),
            (("-k", self.kernel, "--rootfs-share", "/", "--exec", "true", "-a", "quiet init=/bin/sh"),
             "--exec is for the shell, and init= in --append leaves none"),
        ):
            self.assert_refused(arguments, pattern, vmm.STATUS_USAGE)

    def test_unknown_commands(self):
        self.assert_refused(("frobnicate",), "'frobnicate'", vmm.STATUS_USAGE, command=None)
        self.assert_refused((), "a command is missing", vmm.STATUS_USAGE, command=None)
        self.assert_refused(("--frobnicate",), "'--frobnicate'", vmm.STATUS_USAGE, command="doctor")
        self.assert_refused(("more",), "'more'", vmm.STATUS_USAGE, command="doctor")

    def test_sizes_of_memory(self):
        for size in ("99999999999G", "18446744073709551616", "16777216T", "-1", "0", "10M", "16383K",
                     "1025G", "", "x", "1.5G", "512M512M", "20001K", "16777217B"):
            self.assert_refused(("-k", self.kernel, "-m", size), f"--memory '{re.escape(size)}' is not",
                                vmm.STATUS_USAGE)

    def test_numbers_of_cpus(self):
        for number in ("0", "33", "-1", "x", "", "1.5", "1 2", "18446744073709551617"):
            self.assert_refused(("-k", self.kernel, "-c", number), f"--cpus '{number}' is not",
                                vmm.STATUS_USAGE)

    def test_cpu_models(self):
        for model, pattern in (
            ("", "''"), ("pentium", "'pentium'"), ("host,", "missing"), ("host,avx2", "avx2"),
            ("host,-nosuch", "'nosuch'"), ("host,+", "''"), ("host,+avx2,-avx2", "'avx2'"),
            ("host,+avx512er", "'avx512er'"),  # of one processor long gone
        ):
            host_lacks_it = model == "host,+avx512er"
            self.assert_refused(("-k", self.kernel, "--cpu", model), f"--cpu: .*{pattern}",
                                vmm.STATUS_FAILURE if host_lacks_it else vmm.STATUS_USAGE)

    def test_virtio_devices(self):
        for arguments, pattern in (
            (("--disk", ""), "--disk: needs a value"),
            (("--disk", "a.img,rw"), "--disk: 'rw' is not known"),
            (("--rng=x",), "--rng: 'x' is not known"),
            (("--vsock", "cid=3"), "--vsock: needs cid=N and socket=PATH"),
            (("--vsock", "cid=2,socket=v"), "--vsock: cid '2' is not a number from 3 to 4294967294"),
            (("--vsock", f"cid=3,socket={'v' * 97}"), "must have 1 to 96 characters"),
            (("--balloon=64M",), "--balloon: '64M' is not known"),
            (("--balloon", "--balloon"), "--balloon: one is all"),
            (("--balloon=size=65M", "-m", "64M"), "--balloon: size is more than the guest's memory"),
            (("--share", "/tmp"), "--share: '/tmp' is not TAG=PATH"),
            (("--share", "a=/tmp,rw"), "--share: 'rw' is not known"),
            (("--share", "a=/tmp", "--share", "a=/"), "--share: two directories have the tag 'a'"),
            (("--transport", "usb"), "--transport 'usb' is neither pci nor mmio"),
            (("--transport", "mmio", *["--rng"] * 9), "room for 8 virtio devices over MMIO"),
            (("--rng",) * 32, "--rng: there is room for 31 virtio devices"),
        ):
            self.assert_refused(("-k", self.kernel, *arguments), pattern, vmm.STATUS_USAGE)

    def test_control_sockets(self):
        for address in ("tcp:127.0.0.1:0", "/tmp/socket", ""):
            self.assert_refused(("-k", self.kernel, "--control", address),
                                f"control socket '{address}' is not of the form unix:PATH", vmm.STATUS_USAGE)
        self.assert_refused(("-k", self.kernel, "--control", "unix:/nowhere/socket"), "'unix:/nowhere/socket': No such")
        file = self.put("file", b"")
        self.assert_refused(("-k", self.kernel, "--control", f"unix:{file}"), "exists and is not a socket")

    def test_exit_port(self):
        for port, pattern in (
            ("x", "--debug-exit 'x' is not a number from 1 to 0xfffc"),
            ("0", "--debug-exit '0' is not a number"),
            ("0xfffd", "--debug-exit '0xfffd' is not a number"),
            ("0x3f5", "--debug-exit 0x3f5: another device has one of the 4 ports"),
        ):
            self.assert_refused(("-k", self.kernel, f"--debug-exit={port}"), pattern, vmm.STATUS_USAGE)
        self.assert_refused(("-k", self.kernel, "--debug-exit=0x505", "--pvpanic"), "another device has one",
                            vmm.STATUS_USAGE)

    def test_virtio_consoles(self):
        for arguments, pattern in (
            (("--virtio-console", "stdio", "--virtio-console", "stdio,name=x"), "stdio can be given to one console"),
            (("--console", "stdio", "--virtio-console", "stdio"), "stdio can be given to one console only"),
            (("--virtio-console", "stdout"), "console 'stdout' must be stdio"),
            (("--virtio-console", "none,name=a/b"), "--virtio-console: name 'a/b' has characters"),
        ):
            self.assert_refused(("-k", self.kernel, *arguments), pattern, vmm.STATUS_USAGE)

    def test_disk_images(self):
        missing = self.directory / "missing.img"
        self.assert_refused(("-k", self.kernel, "--disk", missing), f"'{missing}': No such file")
        self.assert_refused(("-k", self.kernel, "--disk", self.work), f"'{self.work}' .* a directory")
        self.assert_refused(("-k", self.kernel, "--disk", "/dev/zero"), "neither a file nor a block device")
        self.assert_refused(("-k", self.kernel, "--disk", self.put("small", bytes(511))), "less than a sector")
        image = self.put("image.qcow2", b"QFI\xfb" + bytes(4092))
        self.assert_refused(("-k", self.kernel, "--disk", image), "looks like one in the format qcow.*qemu-nbd")
        image = self.put("disk.img", bytes(4096))
        self.assert_refused(("-k", self.kernel, "--disk", image, "--disk", image),
                            f"'{image}': another virtual machine uses it")

    def test_network_disks(self):
        for uri, cause in (
            (f"nbd+unix:///?socket={self.directory}/missing", "No such file"),
            (f"nbd+unix:///?socket={self.kernel}", "Connection refused"),
            ("nbd://127.0.0.1:1/disk", "Connection refused"), ("nbds://127.0.0.1:1/disk", "Connection refused"),
        ):
            self.assert_refused(("-k", self.kernel, "--disk", uri), f"'{re.escape(uri)}' as a disk: .*{cause}")
        self.assert_refused(("-k", self.kernel, "--disk", "nbd+unix:///disk"), "socket", vmm.STATUS_USAGE)
        for item in ("direct", "format=raw"):
            self.assert_refused(("-k", self.kernel, "--disk", f"nbd://127.0.0.1:1/,{item}"),
                                f"--disk: {item[:6]} is not for NBD", vmm.STATUS_USAGE)

    def test_network_disk_at_a_silent_server(self):
        with socket.socket(socket.AF_UNIX) as server:
            path = self.directory / "socket"
            server.bind(str(path))
            server.listen()
            self.assert_refused(("-k", self.kernel, "--disk", f"nbd+unix:///?socket={path}"), "no answer within 10 s")

    def test_networks(self):
        for arguments, pattern in (
            (("--net", ""), "--net: '' is neither user nor tap=NAME"),
            (("--net", "user,hostfwd=tcp:22"), "--net: hostfwd 'tcp:22' is not of the form"),
            (("--net", "tap=a-name-too-long-for-it"), "'a-name-too-long-for-it' is not a network interface"),
        ):
            self.assert_refused(("-k", self.kernel, *arguments), pattern, vmm.STATUS_USAGE)
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            port = server.getsockname()[1]
            self.assert_refused(("-k", self.kernel, "--net", f"user,hostfwd=tcp::{port}-:22"),
                                f"cannot forward tcp:127.0.0.1:{port}: Address already in use")
        self.assert_refused(("-k", self.kernel, "--net", "tap=lo"),
                            "'lo'(: this host has no /dev/net/tun|.* cannot open /dev/net/tun| is not a TAP interface)")

    def test_shared_folders(self):
        for path, cause in ((self.directory / "missing", "No such file"), (self.kernel, "not a directory")):
            self.assert_refused(("-k", self.kernel, "--share", f"a={path}"), f"cannot share '{path}': .*{cause}")

    def test_long_kernel_command_line(self):
        self.assert_refused(("-k", self.kernel, "-a", "x" * 100000), "command line")

    # Kernel, initrd and symbols

    def test_files_that_are_no_kernel(self):
        self.refuse_kernel(self.directory / "missing", "No such file")
        self.refuse_kernel("", "No such file")
        self.refuse_kernel(self.work, "not a regular file")
        self.refuse_kernel("/dev/zero", "not a regular file")
        self.refuse_kernel(self.put("empty", b""), "is empty")
        self.refuse_kernel(self.put("garbage", bytes(range(256)) * 100), "neither a bzImage nor an ELF")
        self.refuse_kernel(self.put("short", b"\x7fELF"), "truncated")

    def test_kernel_that_is_a_pipe(self):
        """Nobody writes to it, so that a simple open() would wait for ever."""
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        self.refuse_kernel(pipe, "not a regular file")
        self.assert_refused(("-k", self.kernel, "-i", pipe), "initrd '.*pipe' is not a regular file")
        self.assert_refused(("-k", self.kernel, "--symbols", pipe), "'.*pipe'")

    def test_damaged_and_foreign_elf_files(self):
        good = bytearray(self.kernel.read_bytes())

        def changed(name, offset, *values):
            data = bytearray(good)
            data[offset:offset + len(values)] = bytes(values)
            return self.put(name, data)

        self.refuse_kernel(changed("elf32", 4, 1), "32-bit")
        self.refuse_kernel(changed("big-endian", 5, 2), "for another machine")
        self.refuse_kernel(changed("aarch64", 18, 183, 0), "for another machine")
        self.refuse_kernel(changed("object", 16, 1, 0), "relocatable")
        self.refuse_kernel(changed("pie", 16, 3, 0), "position-independent")
        self.refuse_kernel(changed("entry", 24, 0, 0, 0, 0x70), "entry point 0x70000000")
        self.refuse_kernel(changed("headers", 32, 0xff, 0xff, 0xff, 0xff), "truncated")
        self.refuse_kernel(changed("no-headers", 56, 0, 0), "program headers")
        # The first program header: p_offset, p_paddr, p_filesz, p_memsz.
        self.refuse_kernel(changed("low", 64 + 24, *[0] * 8), "first MiB")
        self.refuse_kernel(changed("far", 64 + 24 + 5, 1), "needs memory up to")
        self.refuse_kernel(changed("around", 64 + 24, *[0xff] * 8), "impossible size")
        self.refuse_kernel(changed("beyond", 64 + 8 + 4, 1), "truncated")
        self.refuse_kernel(changed("shrunk", 64 + 40, *[1] + [0] * 7), "impossible size")
        self.refuse_kernel(changed("huge", 64 + 40 + 6, 1), "needs memory up to")
        self.refuse_kernel(self.put("cut", good[:64 + 56 + 10]), "truncated")

    def test_kernel_without_permission(self):
        path = self.put("secret", self.kernel.read_bytes())
        path.chmod(0)
        if os.access(path, os.R_OK):
            self.skipTest("this user may read everything")
        self.refuse_kernel(path, "Permission denied")

    def test_initrd(self):
        def refuse(initrd, cause):
            self.assert_refused(("-k", self.kernel, "-m", "64M", "-i", initrd),
                                f"initrd '{re.escape(str(initrd))}'.*{cause}")

        refuse(self.directory / "missing", "No such file")
        refuse(self.work, "not a regular file")
        refuse(self.put("empty", b""), "is empty")
        big = self.put("big", b"")
        os.truncate(big, 65 << 20)
        refuse(big, r"\(65 MiB\) does not fit into the guest's memory \(64 MiB\)")
        os.truncate(big, 1 << 40)
        refuse(big, "does not fit")

    def test_symbols(self):
        for path, cause in ((self.directory / "missing", "No such file"), (self.work, "not an ELF file"),
                            (self.put("garbage", b"garbage"), "not an ELF file"),
                            (self.put("cut", self.kernel.read_bytes()[:100]), "")):
            self.assert_refused(("-k", self.kernel, "--symbols", path), f"'{re.escape(str(path))}'.*{cause}")

    # What it talks to

    def test_gdb_addresses(self):
        for address, cause in (
            ("", "must be"), ("1234", "must be"), ("udp:127.0.0.1:1", "must be"),
            ("tcp:127.0.0.1", "form"), ("tcp:127.0.0.1:", "form"), ("tcp:127.0.0.1:99999", "port"),
            ("tcp:127.0.0.1:-1", "port"), ("tcp:127.0.0.1:x", "port"), ("tcp:127.0.0.1:12x", "port"),
            ("tcp:300.0.0.1:1", "resolve"), ("tcp:192.0.2.1:1", "listen"),
            ("tcp:" + "h" * 300 + ":1", "form"),
            ("unix:", "1 to 107"), ("unix:" + "p" * 108, "1 to 107"),
            (f"unix:{self.directory}/no/such", "No such file"),
            (f"unix:{self.kernel}", "is not a socket"),
        ):
            self.assert_refused(("-k", self.kernel, "--gdb", address), cause,
                                vmm.STATUS_USAGE if cause in WRONG_IN_ITSELF else vmm.STATUS_FAILURE)

    def test_gdb_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"tcp:127.0.0.1:{other.getsockname()[1]}"
            self.assert_refused(("-k", self.kernel, "--gdb", address), f"'{address}': Address already in use")
        with socket.socket(socket.AF_UNIX) as other:
            path = self.directory / "socket"
            other.bind(str(path))
            other.listen()
            self.assert_refused(("-k", self.kernel, "--gdb", f"unix:{path}"), "another process listens")
            self.assert_refused(("-k", self.kernel, "--console", f"unix:{path}"), "another process listens")

    def test_sockets_of_vsock(self):
        self.assert_refused(("-k", self.kernel, "--vsock", f"cid=3,socket={self.work}"), "not a socket")
        self.assert_refused(("-k", self.kernel, "--vsock", "cid=3,socket=/no/such"), "No such file")
        path = f"{self.work}/socket"
        self.assert_refused(("-k", self.kernel, "--vsock", f"cid=3,socket={path}", "--gdb", f"unix:{path}"), "listen")
        self.assert_refused(("-k", self.kernel, *("--vsock", f"cid=3,socket={path}") * 2), "listen")

    def test_one_socket_for_console_and_gdb(self):
        address = f"unix:{self.work}/socket"
        self.assert_refused(("-k", self.kernel, "--console", address, "--gdb", address), "listen")

    def test_consoles(self):
        for console, cause in (
            ("", "must be"), ("tty", "must be"), ("stdio:", "must be"), ("pty:x", "must be"),
            ("file:", "must be"), (f"file:{self.directory}/no/such", "No such file"),
            (f"file:{self.work}", "Is a directory"), ("unix:" + "p" * 108, "1 to 107"),
            (f"unix:{self.directory}/no/such", "No such file"), (f"unix:{self.kernel}", "not a socket"),
        ):
            self.assert_refused(("-k", self.kernel, "--console", console), cause,
                                vmm.STATUS_USAGE if cause in WRONG_IN_ITSELF else vmm.STATUS_FAILURE)

    def test_kvm_devices(self):
        for path, cause in (("", "does not exist"), ("/nonexistent", "does not exist"), ("/dev/null", "not KVM"),
                            (self.work, "directory"), (self.kernel, "not KVM")):
            self.assert_refused(("-k", self.kernel, "--kvm", path), f"'{re.escape(str(path))}' .*{cause}|{cause}")

    def test_kvm_without_permission(self):
        prefix = ()
        if os.geteuid() == 0:
            prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
            self.directory.chmod(0o755)
            reachable = subprocess.run([*prefix, "test", "-x", vmm.GLASSBOX], check=False)
            if reachable.returncode != 0:
                self.skipTest(f"only root may run {vmm.GLASSBOX}")
        if subprocess.run([*prefix, "test", "-r", "/dev/kvm"], check=False).returncode == 0:
            self.skipTest("everybody may open /dev/kvm here")
        self.assert_refused(("-k", self.kernel), "no permission to open '/dev/kvm'.*group", prefix=prefix)

    # Traces

    def test_trace_directories(self):
        full = self.directory / "full"
        full.mkdir()
        (full / "old").touch()
        for path, cause in ((full, "is not empty"), (self.kernel, "not a directory"),
                            (self.directory / "no/such", "No such file"), ("", "''")):
            self.assert_refused(("-k", self.kernel, "--trace", path), cause)

    def test_failure_leaves_no_trace(self):
        """The same command with the mistake mended would be refused, were the directory there."""
        new = self.directory / "new"
        for arguments, cause in ((("-k", "/nonexistent"), "/nonexistent"),
                                 (("-k", self.kernel, "--gdb", "unix:/no/such"), "No such file"),
                                 (("-k", self.kernel, "--console", "file:/no/such/x"), "No such file"),
                                 (("-k", self.kernel, "--kvm", "/dev/null"), "/dev/null")):
            self.assert_refused((*arguments, "--trace", new), cause)

    def test_trace_on_a_full_disk(self):
        mount = self.directory / "tiny"
        mount.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mount], check=False,
                                 stderr=subprocess.DEVNULL)
        if mounted.returncode != 0:
            self.skipTest("this user may not mount a small file system")
        try:
            self.assert_refused(("-k", self.kernel, "--trace", mount / "new"), "no room")
        finally:
            subprocess.run(["umount", mount], check=True)

    def test_trace_without_a_session_daemon(self):
        self.assert_refused(("-k", self.kernel, "--trace", self.directory / "new"), "lttng-sessiond",
                            env={"PATH": "/nonexistent"})

    # A host that has run out of something: each step of the start fails once

    def assert_survives(self, prefix, *arguments):
        """It runs, or it fails with one line; return whether it ran."""
        before = self.list_files()
        ended = vmm.run("-k", self.kernel, *arguments, prefix=prefix, patience=60)
        self.assertIn(ended.status, (vmm.STATUS_OK, vmm.STATUS_FAILURE), ended.describe())
        if ended.status == vmm.STATUS_FAILURE:
            self.assertEqual((ended.text(), len(ended.errors())), ("", 1), ended.describe())
            self.assertRegex(ended.errors()[0], "^glassbox: .*: ")
        self.assertEqual(self.list_files(), before)
        return ended.status == vmm.STATUS_OK

    def test_few_file_descriptors(self):
        socket_path = self.directory / "socket"
        for console, step in (("stdio", 5), ("pty", 5), (f"unix:{socket_path}", 1)):
            results = []
            for limit in range(5, 41, step):
                with self.subTest(console=console, limit=limit):
                    results.append(self.assert_survives(
                        ("prlimit", f"--nofile={limit}", "--"), "-c", 2, "--console", console,
                        "--gdb", f"unix:{self.directory}/gdb"))
            self.assertTrue(results[-1])
            self.assertFalse(results[0])

    def test_little_address_space(self):
        if "asan" in str(vmm.BUILD) or "tsan" in str(vmm.BUILD):
            self.skipTest("a sanitizer's shadow memory takes more than any limit")
        results = []
        for mib in (*range(20, 60, 4), 100, 200, 400, 1000):
            with self.subTest(mib=mib):
                results.append(self.assert_survives(("prlimit", f"--as={mib << 20}", "--"), "-m", "256M", "-c", 4))
        self.assertTrue(results[-1])

    # The refusals are quick, so that a signal has to wait for the end of one at most

    def test_signal_while_it_loads(self):
        process = self.start("-k", self.kernel, "-m", "1G", "--console", "none")
        vmm.wait_until(lambda: process.is_blocked(signal.SIGTERM) or process.process.poll() is not None,
                       "it blocks SIGTERM")
        process.signal(signal.SIGTERM)
        self.assertIn(process.finish(60), (vmm.STATUS_OK, vmm.STATUS_SIGNALLED + signal.SIGTERM))


if __name__ == "__main__":
    vmm.main()
