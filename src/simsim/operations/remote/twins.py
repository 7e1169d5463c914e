"""Connects a verb with its twin, which does the same through the management API, and prints what the twin found."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec

from simsim.operations.output import Document, print_lines, print_list, print_one
from simsim.problem import WrongUsage, gettext_noop

if TYPE_CHECKING:
    pass

Parameters = ParamSpec("Parameters")
TWIN = "remote_twin"
ANYWHERE = "works_anywhere"
NOT_HERE = gettext_noop(
    "“simsim %(verb)s” works on the server only: run it there, without --server and without SIMSIM_SERVER."
)
# The management token says who acts, and in which account.
LEFT_OUT = frozenset({"acting_as", "account"})


@dataclass(frozen=True)
class One:
    """One object, which may hold a password, and a note for people."""

    document: Document = field(repr=False)
    note: str = ""


@dataclass(frozen=True)
class Listed:
    """A list, or a page of one."""

    items: Sequence[Document]
    cursor: str | None = None


@dataclass(frozen=True)
class Lines:
    """A document for each line."""

    items: Sequence[Document]


@dataclass(frozen=True)
class Written:
    """Something that writes itself, as JSON if that is wanted, while the server is connected."""

    write: Callable[[bool], None]


Found = One | Listed | Lines | Written

_server: ContextVar[str | None] = ContextVar("server", default=None)


def use_server(url: str | None) -> None:
    """Have the verbs of this run talk to a server; with None, work on this machine."""
    _server.set(url)


def is_remote() -> bool:
    """Whether a server was named."""
    return _server.get() is not None


def remotely(
    twin: Callable[..., Found], *, columns: Sequence[str] = ()
) -> Callable[[Callable[Parameters, None]], Callable[Parameters, None]]:
    """Give a verb its twin, which runs instead of it when a server was named. `columns` are those of a list.

    The twin takes the client, and what the verb takes but for `as_json`; it raises SimsimError or a Problem.
    """

    def decorate(verb: Callable[Parameters, None]) -> Callable[Parameters, None]:
        @functools.wraps(verb)
        def either(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            server = _server.get()
            if server is None:
                verb(*args, **kwargs)
            else:
                ask(twin, server, kwargs, columns)

        setattr(either, TWIN, twin)
        return either

    return decorate


def anywhere(verb: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Mark a verb that needs neither an installation nor a server: it does the same when a server was named."""
    setattr(verb, ANYWHERE, True)
    return verb


def ask(twin: Callable[..., Found], server: str, options: dict[str, Any], columns: Sequence[str]) -> None:
    """Print what the twin found; raise a Problem as the verb on the server would."""
    # The HTTP library takes a while to load, and most commands don't need it.
    from simsim.client import SimsimError  # noqa: PLC0415
    from simsim.operations.remote.server import connected, problem_of, warn_of_acting_as  # noqa: PLC0415

    warn_of_acting_as(options.get("acting_as"))
    given = {name: value for name, value in options.items() if name not in {"as_json", "acting_as"}}
    with connected(server) as api:
        try:
            show(twin(api, **given), columns, as_json=bool(options.get("as_json")))
        except SimsimError as error:
            raise problem_of(error, given) from None


def show(found: Found, columns: Sequence[str], *, as_json: bool) -> None:
    if isinstance(found, One):
        print_one(found.document, as_json=as_json, note=found.note)
    elif isinstance(found, Listed):
        print_list(found.items, columns, as_json=as_json, cursor=found.cursor)
    elif isinstance(found, Lines):
        print_lines(found.items)
    else:
        found.write(as_json)


def prepare(group: Any) -> None:
    """Let the verbs of this run be used with a server: those without a twin refuse, whatever else is missing."""
    for words, command in verbs_of(group, ()):
        if hasattr(command.callback, ANYWHERE):
            continue
        twin = getattr(command.callback, TWIN, None)
        for parameter in command.params:
            if twin is None or parameter.name in LEFT_OUT:
                parameter.required = False
        if twin is None:
            command.callback = functools.partial(refuse, " ".join(words))


def refuse(verb: str, **options: object) -> None:
    del options
    raise WrongUsage(NOT_HERE, verb=verb)


def verbs_of(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each verb below a group with its words. Groups are recognized by their commands."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs_of(command, (*words, name))
        else:
            yield (*words, name), command
