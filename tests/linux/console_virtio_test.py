#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's kernels with a virtio console: as their only console, with ports beside it, resized and in a panic."""

import fcntl
import hashlib
import pathlib
import signal
import socket
import struct
import sys
import termios

sys.path[:0] = [str(pathlib.Path(__file__).parent)]
import linux_guest  # noqa: E402
import vmm_process as vmm  # noqa: E402
from console_line import CTRL_A, PROMPT, Line, type_command  # noqa: E402
from linux_guest import kernel  # noqa: E402

MODULES = ("virtio_pci", "virtio_mmio", "virtio_console", "pvpanic_mmio")
BULK = 300000

# In the guest: where the port is that has this name, once the driver has heard of it.
FIND_PORT = "port() { until for n in /sys/class/virtio-ports/*/name; do [ \"$(cat $n 2>&1)\" = $1 ] && break; done; " \
            "do usleep 100000; done; n=${n%/name}; echo /dev/${n##*/}; }\n"


class VirtioConsoleTest(linux_guest.LinuxTest):
    def hvc_arguments(self, *args, append="glassbox.action=shell", series="6.1"):
        """As arguments(), for a guest that has no other console than hvc0."""
        modules = kernel("modules", series=series)
        return ("-k", kernel(series=series), "-i", self.initrd(modules=MODULES, module_dir=modules), "-m", "256M",
                "-a", f"console=hvc0 panic=-1 quiet {append}", *args)

    def start_shell(self, *args, series="6.1", **kwargs):
        return self.start(*self.hvc_arguments(*args, series=series), **kwargs)

    def assert_works(self, process):
        at = type_command(process)
        at = process.wait_for(PROMPT, at)
        process.send("cat /sys/class/tty/console/active\n")
        process.wait_for("\nhvc0\r", at)
        process.send("poweroff -f\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(process.errors(), [])

    def test_only_console_over_pci(self):
        self.assert_works(self.start_shell("--virtio-console", "stdio", stdin="pipe"))

    def test_only_console_over_mmio(self):
        self.assert_works(self.start_shell("--virtio-console", "stdio,transport=mmio", "-c", "2", stdin="pipe"))

    def test_only_console_6_12(self):
        self.assert_works(self.start_shell("--virtio-console", "stdio", series="6.12", stdin="pipe"))

    def test_only_console_6_12_over_mmio(self):
        self.assert_works(self.start_shell("--virtio-console", "stdio", "--transport", "mmio", series="6.12",
                                           stdin="pipe"))

    def test_console_with_exits_for_doorbells(self):
        self.assert_works(self.start_shell("--virtio-console", "stdio", "--trace-doorbells", stdin="pipe"))

    def resize(self, process, rows, columns):
        fcntl.ioctl(process.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # It is the test's terminal, not the program's own, which would send this itself.
        process.signal(signal.SIGWINCH)

    def wait_for_size(self, process, since, rows, columns):
        """The driver takes its time, so ask until it knows."""
        end = f"\n{rows} {columns}\r".encode()
        process.send(f"until [ \"$(stty size)\" = '{rows} {columns}' ]; do usleep 100000; done; stty size\n")
        return process.wait_for(end, since)

    def check_resizes(self, *args):
        process = self.start_shell("--virtio-console", "stdio", *args, terminal=True)
        self.resize(process, 43, 132)
        at = type_command(process)
        at = self.wait_for_size(process, at, 43, 132)
        self.resize(process, 30, 100)
        self.wait_for_size(process, at, 30, 100)
        process.send(CTRL_A + b"x")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())
        self.assertEqual(termios.tcgetattr(process._slave), process.terminal_before)

    def test_resizes(self):
        """The size is in the configuration."""
        self.check_resizes()

    def test_resizes_beside_a_port(self):
        """The size comes as a message."""
        self.check_resizes("--virtio-console", "none,name=other")

    def connect(self, path):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(str(path))
        return client

    def test_port_passes_data_both_ways(self):
        path = self.directory / "agent"
        process = self.start_shell("--virtio-console", f"unix:{path},name=org.example.agent",
                                   "--virtio-console", "stdio", "--virtio-console", "none,name=other", stdin="pipe")
        at = type_command(process)
        process.send(FIND_PORT + "ls /sys/class/virtio-ports; p=$(port org.example.agent); echo =$p=\n")
        at = process.wait_for("\n=/dev/vport0p1=\r", at)
        self.assertRegex(process.err.decode(), f"port 'org.example.agent' at unix:{path}\n")

        # Nobody is there: a read is at its end at once.
        process.send("cat $p; echo end-$?-\n")
        at = process.wait_for("\nend-0-\r", at)

        # The guest hears, and answers with as much, faster than it is read.
        line = Line(process, self.connect(path).detach())
        data = bytes(i * 7 % 251 for i in range(BULK))
        process.send(f"exec 3<>$p; head -c {BULK} <&3 >/tmp/data; sha256sum </tmp/data; cat /tmp/data >&3; echo sent\n")
        line.send(data)
        at = process.wait_for(hashlib.sha256(data).hexdigest(), at)
        line.wait_for(data)
        at = process.wait_for("\nsent\r", at)

        # The next client says a word and goes before anybody listens. Linux throws away what nobody has open.
        line.close()
        process.send("exec 3>&-; echo closed-$?-\n")
        at = process.wait_for("\nclosed-0-\r", at)
        client = self.connect(path)
        client.sendall(b"again\n")
        client.close()
        process.pump(1)
        process.send("read -r word <$p; echo got-$word-; cat $p; echo end-$?-\n")
        at = process.wait_for("\ngot-again-\r\nend-0-\r", at)
        process.send("poweroff -f\n")
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())

    def test_paste(self):
        """20 kB at once arrive complete."""
        process = self.start_shell("--virtio-console", "stdio", stdin="pipe")
        at = type_command(process)
        text = b"".join(b"%06d %s\n" % (i, b"abcdefghijklmnopqrstuvwxyz"[i % 13:]) for i in range(740))
        process.send("stty -echo; sha256sum; stty echo\n")
        at = process.wait_for("stty echo\r", at)
        process.pump(1)
        process.send(text + b"\x04")
        process.wait_for(hashlib.sha256(text).hexdigest(), at)
        self.end_by_signal(process)

    def test_driver_comes_and_goes(self):
        """The shell is on the serial port; what the driver is told it is told again."""
        path = self.directory / "agent"
        process = self.start(*self.arguments(
            kernel(), "--console", "stdio", "--virtio-console", "none",
            "--virtio-console", f"unix:{path},name=agent", append="glassbox.action=shell",
            modules=MODULES, module_dir=kernel("modules")), stdin="pipe")
        at = type_command(process)
        process.send(FIND_PORT + "cd /sys/bus/virtio/drivers/virtio_console; d=$(echo virtio*)\n")
        for i in range(3):
            process.send(f"echo $d >unbind; ls /dev/hvc0 /dev/vport*; echo $d >bind; port agent; echo {i}-done\n")
            at = process.wait_for(f"\n/dev/vport0p1\r\n{i}-done\r", at)
        client = self.connect(path)
        process.send("until echo hello >$(port agent); do usleep 100000; done\n")
        self.assertEqual(client.recv(5), b"hello")
        self.end_by_signal(process)

    def test_panic_on_the_only_console(self):
        ended = vmm.run(*self.hvc_arguments("--virtio-console", "stdio", append="glassbox.action=panic"))
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC, ended.describe())
        self.assertEqual(len(ended.errors()), 1, ended.describe())
        self.assertRegex(ended.errors()[0], "^glassbox: guest kernel panicked: sysrq triggered crash; it reset")

    def panic(self, *args, append=""):
        """With the panic port; the kernel would not reset, and so hang."""
        return vmm.run(*self.hvc_arguments(*args, "--pvpanic", append=f"glassbox.action=panic panic=0 {append}"))

    def test_panic_port(self):
        ended = self.panic("--virtio-console", "stdio", "-c", "2")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC, ended.describe())
        self.assertEqual(len(ended.errors()), 1, ended.describe())
        self.assertRegex(ended.errors()[0], "^glassbox: guest kernel panicked: sysrq triggered crash; it told pvpanic")

    def test_panic_port_without_a_console(self):
        ended = self.panic("--console", "none")
        self.assertEqual(ended.status, vmm.STATUS_GUEST_PANIC, ended.describe())
        self.assertRegex(ended.errors()[0], "^glassbox: guest kernel panicked; it told pvpanic at RIP 0x")

    def test_reset_starts_anew_on_the_same_line(self):
        process = self.start(*self.hvc_arguments("--virtio-console", "stdio", "--reboot",
                                                 append="glassbox.action=reboot"))
        first = process.wait_for(linux_guest.UP)
        process.wait_for(linux_guest.UP, first)
        self.end_by_signal(process)
        self.assertEqual(process.errors(), [])


if __name__ == "__main__":
    vmm.main()
