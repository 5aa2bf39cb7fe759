# SPDX-License-Identifier: MIT
"""A debugger that only stops the machine for a while, then leaves it."""

import pathlib
import socket
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
import vmm_process as vmm  # noqa: E402


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(vmm.PATIENCE)
        self.socket.connect(str(path))
        self.buffer = b""

    def send(self, payload):
        checksum = sum(payload.encode()) % 256
        self.socket.sendall(f"+${payload}#{checksum:02x}".encode())

    def receive(self):
        """The payload of the next packet."""
        while True:
            begin = self.buffer.find(b"$")
            end = self.buffer.find(b"#", begin)
            if begin >= 0 and end >= 0 and len(self.buffer) >= end + 3:
                payload = self.buffer[begin + 1:end].decode()
                self.buffer = self.buffer[end + 3:]
                return payload
            data = self.socket.recv(4096)
            if not data:
                raise AssertionError(f"the connection ended: {self.buffer}")
            self.buffer += data


def pause(path, seconds):
    """Stop all vCPUs, wait, and let them run on without a debugger."""
    connection = Connection(path)
    # Who connects finds the machine stopped.
    connection.send("?")
    reply = connection.receive()
    if reply[0] not in "ST":
        raise AssertionError(f"no stop: {reply}")
    time.sleep(seconds)
    connection.send("D")
    reply = connection.receive()
    if reply != "OK":
        raise AssertionError(f"not detached: {reply}")
    connection.socket.close()
