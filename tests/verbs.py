"""The command line in the test's own process, on the test's database."""

from collections.abc import Callable
from typing import Any

from simsim.operations.context import Operator, Wiring

Simsim = Callable[..., Any]


def unused_operator() -> Operator:
    raise AssertionError("these verbs read the database alone")


WIRING = Wiring(
    operator=unused_operator,
    start_django=lambda: None,
    start_unproven=lambda: None,
    console="",
    gate="",
    gate_listener="",
    this_command=(),
)
