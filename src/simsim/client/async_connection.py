"""The same as `connection`, for programs with an event loop: asyncio or trio."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx2

from simsim.client import exchange
from simsim.client.errors import SimsimError, UnexpectedAnswer
from simsim.client.event_stream import FollowedStream
from simsim.client.exchange import Received, Request
from simsim.client.retries import Retries

Model = TypeVar("Model")
Page = TypeVar("Page")


class AsyncConnection:
    """A server and the credentials for it. Tasks may share it."""

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
        """See `Connection`."""
        settings = exchange.settings_of(
            server, username, password,
            timeout_seconds=timeout_seconds, ca_file=ca_file, allow_plain_http=allow_plain_http,
        )  # fmt: skip
        self.server = str(settings["base_url"])
        self._retries = retries or Retries()
        self._timeout_seconds = timeout_seconds
        self._http = httpx2.AsyncClient(**settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to the server."""
        await self._http.aclose()

    async def _send(self, request: Request, model: type[Model]) -> Model:
        return exchange.answer_of(await self._answer(request), model)

    async def _answer(self, request: Request) -> Received:
        attempt = 0
        while True:
            attempt += 1
            try:
                with anyio.fail_after(self._timeout_seconds):
                    received = await self._receive(request)
                again = exchange.after_answer(request, received, attempt, self._retries)
            except (httpx2.RequestError, TimeoutError) as error:
                again = exchange.after_no_answer(request, exchange.no_answer(error), attempt, self._retries)
            if again is None:
                return received
            await anyio.sleep(again.seconds)

    async def _receive(self, request: Request) -> Received:
        async with self._http.stream(**request.arguments()) as response:
            body = bytearray()
            async for data in response.aiter_bytes():
                body += data
                if len(body) > exchange.MAX_ANSWER_BYTES:
                    raise UnexpectedAnswer("the server's answer is too large")
            return Received(response.status_code, response.headers, bytes(body))

    @asynccontextmanager
    async def _stream(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the parts of an answer as they arrive. It is not sent again: parts of it may have been used."""
        async with self._opened(request) as response:
            yield response.aiter_bytes()

    @asynccontextmanager
    async def _events(self, request: Request) -> AsyncIterator[AsyncIterator[httpx2.ServerSentEvent]]:
        """Yield the events of an answer as they arrive."""
        async with self._opened(request) as response:
            yield aiter(httpx2.EventSource(response))

    @asynccontextmanager
    async def _resumed(self, request: Request) -> AsyncIterator[AsyncIterator[httpx2.ServerSentEvent]]:
        """Yield the events as they arrive. Whenever the answer ends or breaks off, the next one continues after it."""
        async with aclosing(self._followed(FollowedStream(request, self._retries))) as events:
            yield events

    async def _followed(self, stream: FollowedStream) -> AsyncGenerator[httpx2.ServerSentEvent]:
        while True:
            try:
                async with self._events(stream.request) as events:
                    async for event in events:
                        if stream.take(event):
                            yield event
                pause = stream.pause_after_end()
            except SimsimError as failure:
                pause = stream.pause_after(failure)
            await anyio.sleep(pause)

    @asynccontextmanager
    async def _opened(self, request: Request) -> AsyncIterator[httpx2.Response]:
        try:
            async with self._http.stream(**request.arguments()) as response:
                if not response.is_success:
                    raise exchange.failure_of(Received(response.status_code, response.headers, await response.aread()))
                yield response
        except httpx2.RequestError as error:
            raise exchange.no_answer(error) from None


async def pages_of(fetch: Callable[[str | None], Awaitable[Page]]) -> AsyncIterator[Page]:
    """Yield each page of a list; `fetch` gets the cursor."""
    cursor = None
    while True:
        page = await fetch(cursor)
        yield page
        cursor = page.next_cursor  # type: ignore[attr-defined]
        if cursor is None:
            return
