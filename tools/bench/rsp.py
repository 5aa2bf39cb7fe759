# SPDX-License-Identifier: MIT
"""gdb's end of the remote protocol, as much of it as can be timed: one request, one answer."""

import contextlib
import re
import socket
import time

from common import Failed


# A run: a character, and behind the asterisk how often it comes again, + 29.
RUN = re.compile(rb"(.)\*(.)", re.DOTALL)


def expand_runs(body):
    return RUN.sub(lambda run: run[1] * (run[2][0] - 28), body) if b"*" in body else body


class Client:
    """A connection to a stub on a unix socket, acknowledgements off."""

    def __init__(self, path, patience=10):
        self._socket = socket.socket(socket.AF_UNIX)
        self._buffer = b""
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                self._socket.connect(str(path))
                break
            if time.monotonic() > deadline:
                self._socket.close()
                raise Failed("no gdb stub at %s" % path)
            time.sleep(0.005)
        self._socket.settimeout(patience)
        features = expand_runs(self.request("qSupported:swbreak+;hwbreak+;vContSupported+")).decode()
        self.packet_size = int(features.split("PacketSize=")[1].split(";")[0], 16)
        self.has_binary_read = "binary-upload+" in features
        # A stub without this mode (QEMU's) takes the next packet for the acknowledgement of its last.
        self.send("QStartNoAckMode")
        self.answer()

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def send(self, body):
        body = body.encode() if isinstance(body, str) else body
        self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 0xff))

    def answer(self):
        """The next packet's body, as it was sent: see expand_runs()."""
        while True:
            begin, end = self._buffer.find(b"$"), self._buffer.find(b"#")
            if 0 <= begin < end and len(self._buffer) >= end + 3:
                body, self._buffer = self._buffer[begin + 1:end], self._buffer[end + 3:]
                return body
            try:
                data = self._socket.recv(1 << 20)
            except socket.timeout as error:
                raise Failed("the gdb stub does not answer") from error
            if not data:
                raise Failed("the gdb stub closed the connection")
            self._buffer += data

    def request(self, body):
        """One packet and its answer; an error is one here too."""
        self.send(body)
        answer = self.answer()
        if answer == b"" or (answer.startswith(b"E") and len(answer) == 3):
            raise Failed("the gdb stub answers '%s' to '%s'" % (answer.decode(), body))
        return answer
