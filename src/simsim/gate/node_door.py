"""The gate's listener for proxies, and for nodes on other hosts: an ASGI application.

A proxy is known by its address, a node by a credential. Everybody else gets the same 404 for every path.
"""

from simsim.gate import answer
from simsim.gate.address import locate
from simsim.gate.answer import Answer
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.asgi import Asgi, Receive, Scope, Send, request_of, send_answer
from simsim.gate.known_nodes import KnownNodes
from simsim.gate.node_question import ASK, CREDENTIAL_HEADER, ENDS, MAX_ENDS_BYTES, MAX_QUESTION_BYTES, decode
from simsim.gate.spool import Spool

BEARER = b"bearer "


class NodeDoor(Asgi):
    """The ASGI application of one gate, with a spool for the lines in which nodes tell how requests ended."""

    def __init__(self, gate: Gate, nodes: KnownNodes, ends: Spool) -> None:
        super().__init__(gate)
        self._nodes = nodes
        self._ends = ends

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = await self._answer(scope, receive) if scope["type"] == "http" else None
        if said is not None:
            await send_answer(send, said)
            return
        await super().__call__(scope, receive, send)
        if scope["type"] == "lifespan":
            self._nodes.close()
            self._ends.close()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the answer to a node, or None if it is not one that asks."""
        path, headers = scope["path"], scope["headers"]
        if path in {ASK, ENDS}:
            given = [value for name, value in headers if name == b"authorization"]
            password = given[0][len(BEARER) :] if given and given[0][: len(BEARER)].lower() == BEARER else b""
            is_alone = len(given) == 1 and scope["method"] == "POST"
        elif path == VERIFY and (given := [value for name, value in headers if name == CREDENTIAL_HEADER]):
            password, is_alone = given[0], len(given) == 1
        else:
            return None
        try:
            # Prove the node before reading a body: a stranger's is not worth the memory.
            if not is_alone or not await self._is_admitted(scope, password):
                return answer.NOT_FOUND
            if path == VERIFY:
                return await self._verdict(request_of(scope)._replace(peer=None))
            return await (self._question(receive) if path == ASK else self._batch(receive))
        except Exception as error:
            self._gate.complain(error)
            return answer.UNDECIDED

    async def _is_admitted(self, scope: Scope, password: bytes) -> bool:
        client = scope.get("client")
        # Only the socket's own peer counts here: X-Forwarded-For names the caller of the node.
        address = locate(client[0] if client else None, (), b"").address
        text = password.decode("latin-1")
        if self._shared is None:
            return self._nodes.admits(text, address)
        return await self._nodes.admits_together(text, address)

    async def _question(self, receive: Receive) -> Answer:
        body = await body_of(receive, MAX_QUESTION_BYTES)
        question = None if body is None else decode(body)
        if question is None:
            return answer.NOT_FOUND
        # Without a file of ends, the worker would not wait for how the first requests end.
        self._ends.open()
        if question.is_preflight:
            return self._gate.let_preflight(question.request)
        return await self._verdict(question.request)

    async def _verdict(self, request: Request) -> Answer:
        return self._gate.verify(request) if self._shared is None else await self._shared.verify_together(request)

    async def _batch(self, receive: Receive) -> Answer:
        """Return 204 once the lines are in the spool. The worker reads them, and counts none of them twice."""
        body = await body_of(receive, MAX_ENDS_BYTES)
        if not body or not body.endswith(b"\n"):
            return answer.NOT_FOUND
        self._ends.append(body)
        return answer.TAKEN


async def body_of(receive: Receive, max_bytes: int) -> bytes | None:
    """Return the request's body, or None if it is longer or was cut off."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)
