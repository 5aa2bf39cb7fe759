# SPDX-License-Identifier: MIT
"""A small client of the gdb remote protocol, for tests that want what no gdb would send."""

import select
import socket
import time

PATIENCE = 60
INTERRUPT = b"\x03"


class RspError(Exception):
    """The connection ended, or no answer came."""


class RspClient:
    """One connection; `address` is what glassbox says that gdb can connect to."""

    def __init__(self, address):
        kind, _, rest = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.buffer = b""
        self.acks = True

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    @staticmethod
    def frame(body):
        body = body.encode() if isinstance(body, str) else body
        return b"$%s#%02x" % (body, sum(body) & 0xff)

    def send(self, body):
        self.socket.sendall(self.frame(body))

    def _read_more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise RspError("no answer")
        data = self.socket.recv(65536)
        if not data:
            raise RspError("the connection ended")
        self.buffer += data

    def receive(self, patience=PATIENCE):
        """The body of the next packet, as text."""
        deadline = time.monotonic() + patience
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and 0 <= end and len(self.buffer) >= end + 3:
                break
            self._read_more(deadline)
        body, checksum = self.buffer[start + 1:end], int(self.buffer[end + 1:end + 3], 16)
        self.buffer = self.buffer[end + 3:]
        if sum(body) & 0xff != checksum:
            raise RspError(f"wrong checksum of {body!r}")
        if self.acks:
            self.socket.sendall(b"+")
        return self.expand(body).decode("latin-1")

    @staticmethod
    def expand(body):
        """Undo run-length encoding (a character, '*', a count plus 29) and escapes."""
        out = bytearray()
        at = 0
        while at < len(body):
            if body[at:at + 1] == b"*":
                out += out[-1:] * (body[at + 1] - 29)
                at += 2
            elif body[at:at + 1] == b"}":
                out.append(body[at + 1] ^ 0x20)
                at += 2
            else:
                out.append(body[at])
                at += 1
        return bytes(out)

    def has_packet(self, seconds):
        """Does a packet come within so long?"""
        if b"#" in self.buffer:
            return True
        return bool(select.select([self.socket], [], [], seconds)[0])

    def command(self, body):
        self.send(body)
        return self.receive()

    def begin(self):
        """What gdb does first; return the reason for which the guest is stopped."""
        self.command("qSupported:swbreak+;hwbreak+;vContSupported+")
        if self.command("QStartNoAckMode") == "OK":
            self.acks = False
        return self.command("?")

    def resume(self, actions="c"):
        self.send(f"vCont;{actions}")

    def interrupt(self):
        """Stop the guest; return the stop reply."""
        self.socket.sendall(INTERRUPT)
        return self.receive()

    def read_memory(self, address, length):
        return bytes.fromhex(self.command(f"m{address:x},{length:x}"))

    def read_u64(self, address):
        return int.from_bytes(self.read_memory(address, 8), "little")

    def read_rip(self):
        """RIP of the thread that Hg chose: behind the 16 general registers of 8 bytes."""
        registers = bytes.fromhex(self.command("g").replace("x", "0"))
        return int.from_bytes(registers[128:136], "little")
