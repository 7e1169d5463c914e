"""A PostgreSQL primary dies under load and its standby takes over: what was acknowledged and answered, and when."""

import contextlib
import http.client
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import postgresql_front
import postgresql_pair
import postgresql_server
from postgresql_front import Address
from stack import Stack, basic
from steady_load import SteadyLoad

CREATORS = 4
# A revocation after so many creations of one creator.
REVOKED_EVERY = 5


class ReplicatedStack(Stack):
    """An installation on a pair of servers, which it finds by their list or through PgBouncer."""

    def __init__(self, directory: Path, pair: postgresql_pair.Pair, *, pooler_port: int = 0) -> None:
        super().__init__(directory, on_postgresql=True, is_settled_anew=True)
        self.pair, self.pooler_port = pair, pooler_port

    def new_database(self) -> str:
        self.pair.create_database(self.database)
        if self.pooler_port:
            return postgresql_server.url(self.pooler_port, self.database)
        servers = f"127.0.0.1:{self.pair.primary_port},127.0.0.1:{self.pair.standby_port}"
        return f"postgresql://{postgresql_server.SERVER_USER}@{servers}/{self.database}"


@dataclass
class Creator(threading.Thread):
    """A program that creates tokens at a steady rate, revokes some, and notes what was acknowledged."""

    stack: Stack
    auth: tuple[str, str]
    per_second: float
    created: list[dict[str, Any]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    failed_at: list[float] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        begin, path = time.monotonic(), f"/api/v1/accounts/{self.stack.account}/tokens"
        for turn in range(10**6):
            if self.done.wait(max(0.0, begin + turn / self.per_second - time.monotonic())):
                return
            made = self._ask(path, {"name": f"Job {uuid.uuid4()}", "expires": "30d", "allowed_networks": []}, 201)
            if made is None:
                continue
            self.created.append(made)
            if turn % REVOKED_EVERY == 0:
                path_of_it = f"{path}/{made['id']}/revoke"
                if self._ask(path_of_it, {"reason": "leaked"}, 200) is not None:
                    self.revoked.add(made["id"])

    def _ask(self, path: str, body: dict[str, Any], wanted: int) -> dict[str, Any] | None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'}
        with contextlib.suppress(OSError, http.client.HTTPException):
            said = self.stack.get(
                path, port=self.stack.console_port, auth=self.auth, headers=headers, method="POST",
                body=json.dumps(body).encode(),
            )  # fmt: skip
            if said.status == wanted:
                found: dict[str, Any] = json.loads(said.body)
                return found
            assert said.status >= 500, (said.status, said.body)
        self.failed_at.append(time.monotonic())
        return None


@dataclass
class Failover:
    """What happened. Times are those of time.monotonic()."""

    load: SteadyLoad
    creators: list[Creator]
    killed_at: float
    promoted_at: float

    @property
    def outage_seconds(self) -> float:
        """How long the failover took: from the kill until the other server accepted writes."""
        return self.promoted_at - self.killed_at

    @property
    def recovery_seconds(self) -> float:
        """How long after that the last request, of either kind, failed."""
        failed = [each.ended_at for each in self.load.failures()]
        failed += [at for creator in self.creators for at in creator.failed_at]
        return max(failed, default=self.promoted_at) - self.promoted_at

    @property
    def created(self) -> list[dict[str, Any]]:
        return [token for creator in self.creators for token in creator.created]

    @property
    def revoked(self) -> set[str]:
        return {token_id for creator in self.creators for token_id in creator.revoked}


@contextlib.contextmanager
def replicated(
    directory: Path, *, through_a_pooler: bool
) -> Iterator[tuple[ReplicatedStack, postgresql_front.Address]]:
    """Give a running installation, and the address that leads its pooler to the primary until it is moved."""
    with contextlib.ExitStack() as held:
        pair = held.enter_context(postgresql_pair.running())
        address = held.enter_context(postgresql_front.address(pair.primary_port))
        port = held.enter_context(postgresql_front.pooler(address.port)) if through_a_pooler else 0
        stack = ReplicatedStack(directory, pair, pooler_port=port)
        try:
            stack.start()
            yield stack, address
        finally:
            stack.stop()


def fail_over(stack: ReplicatedStack, address: Address, *, rate: int, creations: float, seconds: float) -> Failover:
    """Let the primary die in the middle of a load of so many requests and creations a second; return what happened."""
    token, revoked = stack.create_token("Load"), stack.create_token("Revoked")
    stack.revoke(revoked["id"])
    good, bad = (basic((each["username"], each["password"])) for each in (token, revoked))
    load = SteadyLoad(stack.gateway_port, good, bad, rate=rate)
    creators = [Creator(stack, program_of(stack, number), creations / CREATORS) for number in range(CREATORS)]
    with load.running():
        for creator in creators:
            creator.start()
        time.sleep(seconds)
        killed_at = time.monotonic()
        stack.pair.kill_primary()
        time.sleep(2)  # in which a cluster manager finds out
        stack.pair.promote_standby()
        address.move(stack.pair.standby_port)
        promoted_at = time.monotonic()
        time.sleep(seconds)
        for creator in creators:
            creator.done.set()
        for creator in creators:
            creator.join(30)
    return Failover(load, creators, killed_at, promoted_at)


def program_of(stack: Stack, number: int) -> tuple[str, str]:
    made = stack.simsim(
        "management-token", "create", "--account", stack.account, "--as", "alice@acme.example", "--name",
        f"Creator {number}", "--scope", "tokens", "--expires", "30d",
    )  # fmt: skip
    return made["username"], made["password"]


def prove_nothing_lost(stack: Stack, found: Failover) -> None:
    """No wrong answer, nothing lost that was acknowledged, and each request that was let in stands in the log once."""
    # 404 is the API's answer: the request was let in.
    wrong = {("404", "401"), ("404", "403"), ("401", "404")}
    answered = Counter((str(each.wanted), each.got) for each in found.load.sent)
    assert not wrong & answered.keys(), answered
    for token in found.created:
        assert stack.ask_gate(token) == (401 if token["id"] in found.revoked else 204), token["id"]
    let_in = {each.path for each in found.load.sent if each.got == "404"}
    stack.wait_until(lambda: let_in <= logged(stack).keys(), "everything is in the log", 60)
    rows = logged(stack)
    assert {path: rows[path] for path in let_in} == dict.fromkeys(let_in, 1)


def logged(stack: Stack) -> Counter[str]:
    printed = stack.run("log", "export", "--account", stack.account, "--format", "jsonl", timeout=120)
    return Counter(json.loads(line)["resource"] for line in printed.splitlines())
