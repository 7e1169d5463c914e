"""Clients that send a steady number of requests a second through a gateway, each with a path of its own."""

import contextlib
import http.client
import select
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

CLIENTS = 16
# Every fifth request has a token that is revoked.
REFUSED = 5


@dataclass
class Sent:
    """One request: its path, the status that it must get, the status or the error that it got, and how it was sent."""

    path: str
    wanted: int
    got: str
    is_on_kept_connection: bool
    seconds: float
    ended_at: float


@dataclass
class SteadyLoad:
    """Half of the clients keep their connections, as a pool does: one that the server has closed is not used again.

    No request is repeated, whatever happens to it. The API answers 404 to all of these paths, so 404 means let in.
    """

    port: int
    good: Mapping[str, str]
    bad: Mapping[str, str]
    rate: int
    tls: ssl.SSLContext | None = None
    sent: list[Sent] = field(default_factory=list)

    @property
    def slowest_seconds(self) -> float:
        return max(each.seconds for each in self.sent)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        stop = threading.Event()
        begin = time.monotonic()
        clients = [threading.Thread(target=self._call, args=(nth, begin, stop)) for nth in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            stop.set()
            for client in clients:
                client.join(30)

    def failures(self) -> list[Sent]:
        return [each for each in self.sent if each.got != str(each.wanted)]

    def _call(self, nth: int, begin: float, stop: threading.Event) -> None:
        is_kept = nth % 2 == 0
        connection = self._connection()
        for turn in range(nth, 10**9, CLIENTS):
            if stop.wait(max(0.0, begin + turn / self.rate - time.monotonic())):
                break
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()
            self._send(connection, turn)
            if not is_kept:
                connection.close()
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, turn: int) -> None:
        is_bad = turn % REFUSED == 0
        path, began, is_kept = f"/n/{turn}", time.monotonic(), connection.sock is not None
        try:
            connection.request("GET", path, headers=dict(self.bad if is_bad else self.good))
            answer = connection.getresponse()
            answer.read()
            got = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            got = repr(error)
        ended = time.monotonic()
        self.sent.append(Sent(path, 401 if is_bad else 404, got, is_kept, ended - began, ended))

    def _connection(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.tls)


def serial_presented(port: int, tls: ssl.SSLContext) -> str:
    """Return the serial number of the certificate that a new connection gets, in hexadecimal."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls)
    connection.connect()
    found = connection.sock.getpeercert() or {}
    connection.close()
    return str(found["serialNumber"])
