# SPDX-License-Identifier: MIT
"""A debugger that only stops the machine for a while, then leaves it."""

import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "support")]
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
