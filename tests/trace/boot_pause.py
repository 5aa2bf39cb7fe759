# SPDX-License-Identifier: MIT
"""A debugger, or a control client, that only stops the machine for a while, then leaves it."""

import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
from control_client import ControlClient  # noqa: E402
from rsp_client import RspClient  # noqa: E402


def pause(path, seconds):
    """Stop all vCPUs, wait, and let them run on without a debugger."""
    with RspClient(f"unix:{path}") as client:
        # Who connects finds the machine stopped.
        reply = client.begin()
        if reply[0] not in "ST":
            raise AssertionError(f"no stop: {reply}")
        time.sleep(seconds)
        reply = client.command("D")
        if reply != "OK":
            raise AssertionError(f"not detached: {reply}")


def pause_by_control(path, seconds):
    """The same, by the control socket."""
    with ControlClient(path) as client:
        client.call("pause")
        time.sleep(seconds)
        client.call("resume")
