# SPDX-License-Identifier: MIT
"""Programs of the host that a guest connects to over --vsock."""

import contextlib
import socket
import threading


class Listener:
    """A program of the host that serves each connection at a path in a thread."""

    def __init__(self, path, serve):
        self.ended = 0
        self._serve = serve
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(5)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with connection, contextlib.suppress(ConnectionError):
            self._serve(connection)
        self.ended += 1

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
