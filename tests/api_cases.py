"""Requests that schemathesis makes of the OpenAPI document: what they name, who sends them, and what is checked."""

import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import missing_required_header, positive_data_acceptance
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method

from settings_for_tests import CASES_SEED
from simsim.api.urls import OPERATIONS
from simsim.management_tokens.models import Scope

# What the schema can't say is refused with 422, a missing If-Match with 428. The others would send requests of their
# own with other credentials; test_api_routes.py tries those.
EXCLUDED = [positive_data_acceptance, missing_required_header, ignored_auth, unsupported_method]
STEPS = 6
# Another one for each run. Whatever is tried prints it, and SIMSIM_TEST_SEED=… repeats the run.
SEED = int(CASES_SEED or random.SystemRandom().randrange(2**32))
Undo = Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Credentials:
    """The Authorization headers for each kind of operation: several, so that no client reaches its rate limit."""

    account: list[str]
    operator: list[str]
    own: list[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_turn", itertools.count())

    def header_for(self, name: str) -> dict[str, str]:
        scopes = OPERATIONS[name].rule.scopes
        known = self.own if not scopes else self.operator if scopes == {Scope.OPERATOR} else self.account
        return {"Authorization": known[next(self._turn) % len(known)]}  # type: ignore[attr-defined]


def with_known_ids(document: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """Return the document whose paths name things that exist."""
    for methods in document["paths"].values():
        for described in methods.values():
            for parameter in described["parameters"]:
                if parameter["in"] == "path":
                    parameter["schema"]["enum"] = [known[parameter["name"]]]
    return document


def name_of(case: Any) -> str:
    return str(case.operation.definition.raw["operationId"])


def checked(case: Any, answer: Any, tried: Counter[str]) -> None:
    """Count an answer, and fail if it is an error of ours or not as the document describes it."""
    tried[str(answer.status_code)] += 1
    assert answer.status_code < 500, answer.content
    case.validate_response(answer, excluded_checks=EXCLUDED)


def boundaries(document: Any, described: Any) -> Iterator[Any]:
    """Yield requests of one operation at and beyond each limit that the document states, the same in every run."""
    modes, generation = list(GenerationMode), document.config.generation_for(operation=described)
    for case in document.iter_coverage_cases(described, generation_modes=modes, generation_config=generation):
        # Whoever sends it says who they are.
        case.headers.pop("Authorization", None)
        case.cookies.clear()
        yield case


def try_out(
    described: Any, mode: GenerationMode, credentials: Credentials, number: int, undone: Undo = contextlib.nullcontext
) -> Counter[str]:
    """Send that many requests to one operation, each within `undone`; return how often which status was answered."""
    tried = Counter[str]()

    @seed(SEED)
    @given(case=described.as_strategy(generation_mode=mode))
    @options(number, Phase.shrink)
    def one(case: Any) -> None:
        with undone():
            checked(case, case.call(headers=credentials.header_for(name_of(case))), tried)

    try:
        one()
    except Unsatisfiable:
        # Without a query and a body, nothing about the request can be wrong.
        assert mode is GenerationMode.NEGATIVE
    return tried


def try_sequences(
    document: Any, credentials: Credentials, number: int, undone: Undo = contextlib.nullcontext, *, turn: int = 0
) -> Counter[str]:
    """Send that many sequences of requests, in which later ones name what earlier ones created.

    Each is sent within `undone`. Another `turn` gives other sequences.
    """
    tried = Counter[str]()
    machine: Any = document.as_state_machine()

    class Sequences(machine):  # type: ignore[misc]
        def setup(self) -> None:
            self.undoing = undone()
            self.undoing.__enter__()

        def teardown(self) -> None:
            self.undoing.__exit__(None, None, None)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": credentials.header_for(name_of(case))}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            checked(case, response, tried)

    seed(SEED + turn)(Sequences).run(settings=settings(options(number), stateful_step_count=STEPS))
    return tried


def options(number: int, *phases: Phase) -> settings:
    return settings(
        max_examples=number, deadline=None, database=None, phases=[Phase.generate, *phases],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
