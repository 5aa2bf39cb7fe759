#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`glassbox ctl` from the shell: its words, its exit status, and machines that are none."""

import json
import pathlib
import socket
import sys
import threading

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / part) for part in ("support", "guest")]
import run_kernel  # noqa: E402
import vmm_process as vmm  # noqa: E402

STATUS_NO_ANSWER = 1
STATUS_REFUSED = 3

IDLE = """
        print   "up"
1:      hlt
        jmp     1b
"""


class CtlTest(vmm.TestCase):
    def setUp(self):
        super().setUp()
        self.path = self.directory / "machine"

    def ctl(self, *words):
        return vmm.run(*words, command="ctl")

    def assert_fails(self, status, pattern, *words):
        ended = self.ctl(*words)
        self.assertEqual(ended.status, status, ended.describe())
        self.assertEqual((ended.text(), len(ended.errors())), ("", 1), ended.describe())
        self.assertRegex(ended.errors()[0], f"^glassbox( ctl)?: {pattern}")

    def test_usage(self):
        for words, pattern in (
            ((), "a socket and a command are needed"),
            ((self.path,), "a socket and a command are needed"),
            ((self.path, "frobnicate"), "there is no command 'frobnicate'"),
            ((self.path, "status", "now"), "there is no command 'status now'"),
            ((self.path, "info"), "there is no command 'info'"),
            ((self.path, "info", "virtio"), "there is no command 'info virtio'"),
            ((self.path, "info", "virtio", "x", "y"), "there is no command 'info virtio x y'"),
            ((self.path, "info", "virtio", b"\xff".decode(errors="surrogateescape")), "'.*' is not the name"),
            ((self.path, "info", "virtio", "x", "y", "z"), "unexpected argument 'z'"),
            ((self.path, "link", "virtio-net0"), "there is no command 'link virtio-net0'"),
            ((self.path, "link", "virtio-net0", "out"), "'out' is neither up nor down"),
            ((self.path, "balloon", "much"), "'much' is not a size"),
            ((self.path, "balloon", "99999999999999999999"), "'9+' is not a size"),
            ((self.path, "--frobnicate", "status"), "unrecognized option '--frobnicate'"),
            (("", "status"), "socket path '' must have"),
            (("x" * 200, "status"), "socket path 'x+' must have"),
        ):
            self.assert_fails(vmm.STATUS_USAGE, pattern, *words)

    def test_no_machine(self):
        self.assert_fails(STATUS_NO_ANSWER, "no machine can be controlled at '.*': No such file", self.path, "status")
        self.path.write_text("")
        self.assert_fails(STATUS_NO_ANSWER, "no machine can be controlled at '.*': Connection refused", self.path,
                          "status")

    def answer(self, *replies):
        """A peer that answers each client with some bytes, and hangs up."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.path))
        server.listen(8)
        self.requests = []

        def serve():
            for reply in replies:
                client, _ = server.accept()
                with client:
                    self.requests.append(client.recv(4096))
                    client.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, vmm.PATIENCE)

    def test_peers_that_are_no_machine(self):
        replies = (b"HTTP/1.1 400\r\n\r\n", b"\n", b"{}\n", b"[]\n", b"{\"ok\":1}\n", b"\0\xff\n", b"[" * 100000 + b"\n")
        self.answer(*replies)
        for _ in replies:
            self.assert_fails(STATUS_NO_ANSWER, "what answers at '.*' is no machine", self.path, "status")

    def test_machine_that_ends(self):
        self.answer(b"", b"{\"ok\":true,")
        for _ in range(2):
            self.assert_fails(STATUS_NO_ANSWER, "the machine ended without an answer", self.path, "quit")

    def test_answers(self):
        no = b"{\"ok\":false,\"code\":\"refused\",\"error\":\"not now\"}\n"
        long = json.dumps({"ok": True, "result": {"state": "paused", "more": "x" * 300000}}).encode() + b"\n"
        self.answer(no, no, long, b"{\"ok\":false}\n", b"{\"ok\":true}\n")
        self.assert_fails(STATUS_REFUSED, "not now$", self.path, "resume")
        self.assertEqual(json.loads(self.requests[0]), {"command": "resume", "arguments": {}})
        self.assertTrue(self.requests[0].endswith(b"\n"))
        # As it came, and the status as ever.
        ended = self.ctl("--json", self.path, "resume")
        self.assertEqual((ended.status, ended.text(), ended.errors()), (STATUS_REFUSED, no.decode(), []))
        ended = self.ctl(f"unix:{self.path}", "pause")
        self.assertEqual((ended.status, ended.text(), ended.errors()), (vmm.STATUS_OK, "paused\n", []))
        self.assert_fails(STATUS_REFUSED, "the machine refused$", self.path, "resume")
        self.assertEqual(self.ctl(self.path, "balloon", "64").status, vmm.STATUS_OK)
        self.assertEqual(json.loads(self.requests[-1]), {"command": "balloon", "arguments": {"size": 64 << 20}})

    def test_answers_that_control_terminals(self):
        self.answer(b"{\"ok\":false,\"error\":\"a\\u001b[2Jb\\u0085\\r\\nc\"}\n",
                    b"{\"ok\":true,\"result\":{\"state\":\"\\u001b]0;title\\u0007\"}}\n")
        self.assert_fails(STATUS_REFUSED, r"a\?\[2Jb\?\?\?\?c$", self.path, "resume")
        self.assertEqual(self.ctl(self.path, "resume").text(), "?]0;title?\n")

    def test_output_that_cannot_be_written(self):
        self.answer(b"{\"ok\":true,\"result\":{}}\n")
        ended = vmm.run(self.path, "status", command="ctl", prefix=("sh", "-c", 'exec "$@" >/dev/full', "sh"))
        self.assertEqual(ended.status, STATUS_NO_ANSWER, ended.describe())
        self.assertRegex(ended.errors()[0], "cannot write the answer: No space left")

    def test_machine(self):
        kernel = run_kernel.assemble(self.directory, IDLE)
        process = self.start("-k", kernel, "-m", "64M", "--rng", "--control", f"unix:{self.path}")
        process.wait_for("up")
        ended = self.ctl(self.path, "status")
        self.assertEqual((ended.status, ended.errors()), (vmm.STATUS_OK, []))
        self.assertRegex(ended.text(), fr"^state +running\nguest +1 vCPU, 64 MiB\nkernel +{kernel} \(ELF.*\)\n"
                                       fr"debugger +none\ntrace +none\nprocess +{process.process.pid}, glassbox [\d.]+\n$")
        for command, state in (("pause", "paused"), ("resume", "running")):
            ended = self.ctl(self.path, command)
            self.assertEqual((ended.status, ended.text()), (vmm.STATUS_OK, f"{state}\n"))
        self.assertRegex(self.ctl(self.path, "info", "devices").text(),
                         r"(?m)^DEVICE +BUS +ADDRESS +DRIVER\n(.*\n)*serial0 +pio +0x3f8-0x3ff +-$")
        self.assertRegex(self.ctl(self.path, "info", "virtio", "virtio-rng0").text(),
                         r"(?m)^device +virtio-rng0, type 4 \(virtio-rng\)\n(.*\n)+VIRTIO_F_VERSION_1 +32 +yes +no$")
        reply = json.loads(self.ctl(self.path, "--json", "info", "virtio", "virtio-rng0").text())
        self.assertEqual((reply["ok"], reply["result"]["name"]), (True, "virtio-rng0"))
        self.assert_fails(STATUS_REFUSED, "there is no virtio device 'virtio-rng1'", self.path, "info", "virtio",
                          "virtio-rng1")
        self.assert_fails(STATUS_REFUSED, "the machine has no balloon", self.path, "balloon")
        self.assert_fails(STATUS_REFUSED, "the machine has no balloon", self.path, "balloon", "stats")
        ended = self.ctl(self.path, "quit")
        self.assertEqual((ended.status, ended.text(), ended.errors()), (vmm.STATUS_OK, "", []))
        self.assertEqual(process.finish(), vmm.STATUS_OK, process.describe())


if __name__ == "__main__":
    vmm.main()
