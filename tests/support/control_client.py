# SPDX-License-Identifier: MIT
"""A client of the control socket, for tests that want more than `glassbox ctl` says."""

import json
import socket

PATIENCE = 120


class ControlError(Exception):
    """The machine said no; `code` is what kind of no."""

    def __init__(self, reply):
        super().__init__(reply["error"])
        self.code = reply["code"]


class ControlClient:
    """One connection to the socket at `path`."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.buffer = b""
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def send_line(self, line):
        self.socket.sendall(line + b"\n")

    def receive(self):
        """The next reply."""
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the connection ended")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def send(self, command, **arguments):
        """Ask, and do not wait; return the id of the reply to come."""
        self.last_id += 1
        self.send_line(json.dumps({"command": command, "arguments": arguments, "id": self.last_id}).encode())
        return self.last_id

    def call(self, command, **arguments):
        """Ask; return the result, or raise a ControlError."""
        wanted = self.send(command, **arguments)
        reply = self.receive()
        if reply.get("id") != wanted:
            raise AssertionError(f"the reply to another request: {reply}")
        if not reply["ok"]:
            raise ControlError(reply)
        return reply["result"]
