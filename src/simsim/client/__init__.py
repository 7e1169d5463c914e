"""A typed client of the management API, for Python programs: `Simsim`, and `AsyncSimsim` for event loops.

It knows nothing of the server's code, and needs no settings.
"""

from simsim.client.documents import UNSET, document_of
from simsim.client.errors import (
    Conflict,
    FieldProblem,
    Invalid,
    NoAnswer,
    NotFound,
    NotPermitted,
    PreconditionFailed,
    RateLimited,
    Refused,
    ServerFailed,
    SimsimError,
    Unauthenticated,
    UnexpectedAnswer,
)
from simsim.client.generated import models
from simsim.client.generated.async_operations import AsyncSimsim
from simsim.client.generated.operations import Simsim
from simsim.client.retries import Retries

__all__ = [
    "UNSET",
    "AsyncSimsim",
    "Conflict",
    "FieldProblem",
    "Invalid",
    "NoAnswer",
    "NotFound",
    "NotPermitted",
    "PreconditionFailed",
    "RateLimited",
    "Refused",
    "Retries",
    "ServerFailed",
    "Simsim",
    "SimsimError",
    "Unauthenticated",
    "UnexpectedAnswer",
    "document_of",
    "models",
]
