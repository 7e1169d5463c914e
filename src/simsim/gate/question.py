"""Tests credentials: sends one question from the console to the gate, over the gate's Unix socket."""

import base64
import http.client
import socket
from pathlib import Path
from typing import NamedTuple

from simsim.credential.decision import Reason
from simsim.gate.answer import REASON_HEADER
from simsim.gate.app import CONSOLE_TEST_PATH

TIMEOUT_SECONDS = 2.0


class GateAnswer(NamedTuple):
    """The gate's answer: the status, and the reason of a refusal or None."""

    status: int
    reason: str | None

    @property
    def lets_in(self) -> bool:
        return self.status == 204


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_SECONDS)
        self.sock.connect(str(self._path))


def ask(path: Path, *, username: str, password: str, address: str | None) -> GateAnswer | None:
    """Return the gate's answer to a request with these credentials from that address, or None if no gate answers.

    The gate decides as it does for a request to the API, and logs the question as a test from the console.
    """
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"} | ({"X-Forwarded-For": address} if address else {})
    connection = SocketConnection(path)
    try:
        connection.request("GET", CONSOLE_TEST_PATH, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        known = answer.getheader(REASON_HEADER)
        return GateAnswer(answer.status, known if known in {reason.value for reason in Reason} else None)
    finally:
        connection.close()
