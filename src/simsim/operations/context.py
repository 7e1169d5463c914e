"""The command line's access to the operator's settings, and to Django, which starts only when a verb needs it."""

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from simsim.gateway.addresses import HostPort
from simsim.gateway.certificates import CertificateFiles
from simsim.operations.log_format import LogFormat

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Operator(Protocol):
    """The operator's settings that can be read without Django."""

    @property
    def base_url(self) -> str: ...
    @property
    def data_dir(self) -> Path: ...
    @property
    def spool_dir(self) -> Path: ...
    @property
    def gate_socket(self) -> Path: ...
    @property
    def keys_dir(self) -> Path: ...
    @property
    def is_embedded(self) -> bool: ...
    @property
    def database_files(self) -> tuple[Path, ...]: ...
    @property
    def log_format(self) -> LogFormat: ...
    @property
    def trusted_proxies(self) -> tuple[str, ...]: ...
    @property
    def gate_listen(self) -> str: ...
    @property
    def gate_tls(self) -> bool: ...
    def tls_files(self) -> CertificateFiles | None: ...
    def parse_gate_listen(self, text: str, *, name: str = ...) -> HostPort | None: ...


class KeptSettings(Protocol):
    """The settings in `simsim.env`, which `simsim setup` completes: see `config.kept_settings`."""

    def is_set(self, name: str) -> bool: ...
    def propose(self, wanted: Mapping[str, str]) -> dict[str, str]: ...
    def keep(self, settings: Mapping[str, str]) -> Path: ...


@dataclass(frozen=True)
class Wiring:
    """`operator` reads the settings, `start_django` makes models and settings usable; both raise Unusable.

    `start_django` also raises Unusable when a database or a secret is missing; `start_unproven` is for verbs that
    create or examine them. `console`, `gate` and `gate_listener` name the server's applications; `this_command` starts
    this command line as a process. `kept_settings` is for `setup`, and read only when it runs.
    """

    operator: Callable[[], Operator]
    start_django: Callable[[], None]
    start_unproven: Callable[[], None]
    console: str
    gate: str
    gate_listener: str
    this_command: tuple[str, ...]
    kept_settings: Callable[[], KeptSettings]


_wiring: ContextVar[Wiring] = ContextVar("wiring")


def use(wiring: Wiring) -> None:
    """Connect the verbs to the rest of the program. The entry point calls this once, before any verb runs."""
    _wiring.set(wiring)


def wired() -> Wiring:
    return _wiring.get()


def needs_django(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Start Django when the verb runs, but not for its help: starting takes a second and needs usable settings."""
    return _after(lambda: wired().start_django(), verb)


def needs_settings(verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Start Django for a verb that creates or examines an installation, even if parts of it are missing."""
    return _after(lambda: wired().start_unproven(), verb)


def _after(start: Callable[[], None], verb: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    @functools.wraps(verb)
    def started(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        start()
        return verb(*args, **kwargs)

    return started
