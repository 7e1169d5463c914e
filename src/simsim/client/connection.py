"""Sends the requests of the client: one connection pool, with retries and bounded times."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from simsim.client import exchange
from simsim.client.errors import SimsimError, UnexpectedAnswer
from simsim.client.event_stream import FollowedStream
from simsim.client.exchange import Received, Request
from simsim.client.retries import Retries

Model = TypeVar("Model")
Page = TypeVar("Page")


class Connection:
    """A server and the credentials for it. Threads may share it."""

    def __init__(
        self,
        server: str,
        *,
        username: str,
        password: str,
        timeout_seconds: float = 30.0,
        retries: Retries | None = None,
        ca_file: str | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        """Raise ValueError for a server to which no credentials may be sent.

        `timeout_seconds` is for one attempt, `ca_file` holds authorities to trust instead of the system's.
        """
        settings = exchange.settings_of(
            server, username, password,
            timeout_seconds=timeout_seconds, ca_file=ca_file, allow_plain_http=allow_plain_http,
        )  # fmt: skip
        self.server = str(settings["base_url"])
        self._retries = retries or Retries()
        self._timeout_seconds = timeout_seconds
        self._http = httpx2.Client(**settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def _send(self, request: Request, model: type[Model]) -> Model:
        return exchange.answer_of(self._answer(request), model)

    def _answer(self, request: Request) -> Received:
        attempt = 0
        while True:
            attempt += 1
            try:
                received = self._receive(request)
                again = exchange.after_answer(request, received, attempt, self._retries)
            except (httpx2.RequestError, TimeoutError) as error:
                again = exchange.after_no_answer(request, exchange.no_answer(error), attempt, self._retries)
            if again is None:
                return received
            time.sleep(again.seconds)

    def _receive(self, request: Request) -> Received:
        # The library's limit is for each read; a server that trickles bytes would keep us for ever.
        deadline = time.monotonic() + self._timeout_seconds
        with self._http.stream(**request.arguments()) as response:
            body = bytearray()
            for data in response.iter_bytes():
                body += data
                if len(body) > exchange.MAX_ANSWER_BYTES:
                    raise UnexpectedAnswer("the server's answer is too large")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer took too long")
            return Received(response.status_code, response.headers, bytes(body))

    @contextmanager
    def _stream(self, request: Request) -> Iterator[Iterator[bytes]]:
        """Yield the parts of an answer as they arrive. It is not sent again: parts of it may have been used."""
        with self._opened(request) as response:
            yield response.iter_bytes()

    @contextmanager
    def _events(self, request: Request) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """Yield the events of an answer as they arrive."""
        with self._opened(request) as response:
            yield iter(httpx2.EventSource(response))

    @contextmanager
    def _resumed(self, request: Request) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """Yield the events as they arrive. Whenever the answer ends or breaks off, the next one continues after it."""
        with closing(self._followed(FollowedStream(request, self._retries))) as events:
            yield events

    def _followed(self, stream: FollowedStream) -> Generator[httpx2.ServerSentEvent]:
        while True:
            try:
                with self._events(stream.request) as events:
                    yield from filter(stream.take, events)
                pause = stream.pause_after_end()
            except SimsimError as failure:
                pause = stream.pause_after(failure)
            time.sleep(pause)

    @contextmanager
    def _opened(self, request: Request) -> Iterator[httpx2.Response]:
        try:
            with self._http.stream(**request.arguments()) as response:
                if not response.is_success:
                    raise exchange.failure_of(Received(response.status_code, response.headers, response.read()))
                yield response
        except httpx2.RequestError as error:
            raise exchange.no_answer(error) from None


def pages_of(fetch: Callable[[str | None], Page]) -> Iterator[Page]:
    """Yield each page of a list; `fetch` gets the cursor."""
    cursor = None
    while True:
        page = fetch(cursor)
        yield page
        cursor = page.next_cursor  # type: ignore[attr-defined]
        if cursor is None:
            return
