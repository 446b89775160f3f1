"""A server for a test: started, waited for, and ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest


class Server:
    """A process that was started, and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")


@contextmanager
def serving(
    command: list[str], variables: dict[str, str], log: Path
) -> Iterator[Server]:
    """Run a server of its own group of processes; none of them is left behind."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Server(process, log)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def answers(url: str, server: Server, seconds: float = 150) -> None:
    """Wait until a server answers at an address."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.poll() is None:
        try:
            urlopen(url, timeout=5).close()
        except HTTPError:
            return  # it is there, and refuses
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"nothing answers at {url}:\n{server.said[-3000:]}")
