# SPDX-License-Identifier: MIT
"""The host's side of a guest's network: a namespace to be in, TAP interfaces, and what the guest talks to."""

import functools
import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

FILE_SIZE = 3 << 20
IN_NAMESPACE = "GLASSBOX_NET_NAMESPACE"


class Host:
    """What the guest talks to: a file over HTTP, and a port that takes one."""

    def __init__(self, test, address):
        self.content = os.urandom(FILE_SIZE)
        self.digest = hashlib.sha256(self.content).hexdigest()
        directory = test.directory / "www"
        directory.mkdir()
        (directory / "file").write_bytes(self.content)
        handler = functools.partial(Quiet, directory=directory)
        self.web = http.server.ThreadingHTTPServer((address, 0), handler)
        test.addCleanup(self.web.server_close)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        test.addCleanup(self.web.shutdown)
        self.sink = socket.create_server((address, 0))
        test.addCleanup(self.sink.close)
        self.taken = None
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        try:
            connection, _ = self.sink.accept()
        except OSError:
            return
        digest = hashlib.sha256()
        with connection:
            while data := connection.recv(65536):
                digest.update(data)
        self.taken = digest.hexdigest()

    def words(self, host):
        return f"net.host={host} net.port={self.web.server_port} net.upload={self.sink.getsockname()[1]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *unused):
        pass


def need_namespace():
    """Skip a test that makes interfaces where that is not permitted; see enter_namespace()."""
    if os.environ.get(IN_NAMESPACE) != "1":
        raise unittest.SkipTest("a network namespace of its own is not permitted here")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise unittest.SkipTest("/dev/net/tun cannot be opened")


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def make_tap(test, name, address, *more):
    """An interface that goes with the test; the host has this address of a network of 256."""
    ip("tuntap", "add", "dev", name, "mode", "tap", *more)
    test.addCleanup(subprocess.run, ["ip", "link", "delete", name], check=False, capture_output=True)
    ip("addr", "add", f"{address}/24", "dev", name)
    ip("link", "set", name, "up")


def enter_namespace():
    """Start this program again in a network namespace, if that is permitted."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if os.environ.get(IN_NAMESPACE) or not shutil.which("unshare") or not shutil.which("ip"):
        return
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        return
    os.environ[IN_NAMESPACE] = "1"
    os.execvp(unshare[0], [*unshare, "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, *sys.argv])
