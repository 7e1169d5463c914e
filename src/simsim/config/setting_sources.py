"""The sources of settings: the environment, the files named by `…_FILE`, and `simsim.env` in the data directory."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from simsim.config.setting_names import MAY_BE_EMPTY, NAMES
from simsim.problem import Unusable

if TYPE_CHECKING:
    from dotenv.parser import Binding

PREFIX = "SIMSIM_"
FILE = "_FILE"
KEPT = "simsim.env"
DATA_DIR = "SIMSIM_DATA_DIR"
KNOWN = {f"{PREFIX}{name.upper()}": name for name in NAMES}
# Variables that are read elsewhere: by the supervisor's programs, by the command line for tracebacks, and by the
# examples for callers, which an operator may try in the same shell. The tests have their own prefix.
OF_THE_SUPERVISOR = frozenset({"SIMSIM_SUPERVISED", "SIMSIM_LISTENER", "SIMSIM_READY", "SIMSIM_TAKEOVER"})
OTHER_NAMES = OF_THE_SUPERVISOR | {"SIMSIM_DEBUG", "SIMSIM_USERNAME", "SIMSIM_PASSWORD"}
OF_THE_TESTS = "SIMSIM_TEST_"
# Names that other products use for the same settings.
OTHER_WORDS = {
    "DB": "DATABASE",
    "MAIL": "EMAIL",
    "SMTP": "EMAIL",
    "SENDER": "FROM",
    "PROXY": "PROXIES",
    "PUBLIC": "BASE",
}
# Kubernetes and Docker set such variables in each container for every service: if a service is named "simsim", its
# variables must not keep us from starting.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_is_of_a_service = re.compile(
    r"SIMSIM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)"
).fullmatch
_is_port_of_a_service = re.compile(r"(tcp|udp|sctp)://[^/]+:\d+").fullmatch
# A line of `simsim.env` in which nothing is escaped or left open. `simsim setup` writes nearly all lines so.
_plain_line = re.compile(
    r"""(?P<name>[A-Z0-9_]+)=(?:"([^"\\]*)"|'([^'\\]*)'|([A-Za-z0-9_./:@%+,*-]+))|[ \t]*(?:#.*)?"""
).fullmatch


@dataclass(frozen=True)
class Given:
    """A setting's value, and its source, in words for people."""

    value: str = field(repr=False)
    origin: str


def read_sources() -> dict[str, Given]:
    """Return the given settings, by field name; the environment overrides `simsim.env`.

    Raises Unusable for an unknown name, an unreadable file, a broken line, or an empty value of a setting that must not
    be empty.
    """
    around = {name: value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    around = {name: value for name, value in around.items() if not is_foreign(name, value)}
    for name in around:
        prove_known(name)
    kept = kept_settings(data_dir() / KEPT)
    given = resolve(kept, f" in {data_dir() / KEPT}") | resolve(around)
    for name, setting in given.items():
        if not setting.value and name not in MAY_BE_EMPTY:
            raise Unusable("%(name)s is empty: give it a value, or remove it", name=PREFIX + name.upper())
    return given


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated value."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def data_dir() -> Path:
    """Return the data directory, which is read before all other settings; raise Unusable for a bad value."""
    text = os.environ.get(DATA_DIR)
    if text is None:
        return Path("simsim-data")
    if not text.strip():
        raise Unusable("%(name)s is empty: give the path of a directory, or remove it", name=DATA_DIR)
    if text.startswith("~"):
        raise Unusable("%(name)s: “~” has no meaning here. Write the full path", name=DATA_DIR)
    return Path(text.strip())


def is_foreign(name: str, value: str) -> bool:
    """Whether a variable with our prefix belongs to something else, and is not a mistyped setting."""
    of_a_service = _is_of_a_service(name) or (name.endswith("_PORT") and _is_port_of_a_service(value))
    return name in OTHER_NAMES or name.startswith(OF_THE_TESTS) or bool(of_a_service)


def prove_known(name: str, place: str = "") -> None:
    """Raise Unusable, with the most similar setting, for a name that is not a setting."""
    if name in KNOWN or (name.endswith(FILE) and name.removesuffix(FILE) in KNOWN.keys() - {DATA_DIR}):
        return
    wanted = name.upper() if name.upper().startswith(PREFIX) else PREFIX + name.upper()
    nearest = sorted(KNOWN, key=lambda right: likeness(wanted, right))[-1:]
    raise Unusable(
        "%(place)s%(name)s is not a setting: did you mean %(nearest)s? (docs/operators/settings.md lists them)"
        if likeness(wanted, nearest[0]) > 0.5
        else "%(place)s%(name)s is not a setting (docs/operators/settings.md lists them)",
        place=place, name=shown(name), nearest=nearest[0],
    )  # fmt: skip


def likeness(wanted: str, right: str) -> float:
    """Return how similar two names are without their common prefix, from 0 to 1.

    A missing end lowers the result only a little.
    """
    wanted = "_".join(OTHER_WORDS.get(word, word) for word in wanted.removeprefix(PREFIX).split("_"))
    right = right.removeprefix(PREFIX)
    ratio = difflib.SequenceMatcher(None, wanted.replace("_", ""), right.replace("_", "")).ratio()
    return min(1.0, ratio + (0.3 if wanted and right.startswith(wanted) else 0.0))


def shown(name: str) -> str:
    """Return a name for an error message, or a substitute if it may be a secret that was typed in place of a name."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,59}", name) else "a name of other characters"


def resolve(settings: Mapping[str, str], place: str = "") -> dict[str, Given]:
    """Return one source's settings by field name, with the contents of the files that it names."""
    given = {KNOWN[name]: Given(value.strip(), name + place) for name, value in settings.items() if name in KNOWN}
    for name, path in settings.items():
        if name in KNOWN or not name.endswith(FILE):
            continue
        plain = name.removesuffix(FILE)
        if KNOWN[plain] in given:
            raise Unusable("%(plain)s and %(name)s are both set: remove one of them", plain=plain, name=name)
        given[KNOWN[plain]] = Given(file_text(name, path.strip()), f"{path.strip()} ({name})")
    return given


def file_text(name: str, path: str) -> str:
    """Return the text of a file that a setting names; raise Unusable if it is empty or can't be read."""
    if not path:
        raise Unusable("%(name)s is empty: give the path of a file, or remove it", name=name)
    text = read_text(name, Path(path)).strip()
    if not text:
        raise Unusable("%(name)s: %(path)s is empty", name=name, path=path)
    return text


def read_text(name: str, path: Path) -> str:
    """Return a file's text; raise Unusable, with the setting's name, if it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
    raise Unusable("%(name)s: %(path)s can't be read (%(reason)s)", name=name, path=str(path), reason=reason)


def kept_settings(path: Path) -> dict[str, str]:
    """Return the settings that all commands on one data directory share, so that all emails have the same links.

    If the file is missing, there are none. Raises Unusable, with file and line, for a line that is not a setting.
    """
    if not os.path.lexists(path):
        # The file may be in a directory that this user can't read.
        prove_enterable(path.parent)
        return {}
    settings: dict[str, str] = {}
    for number, name, value in lines_of(read_text(DATA_DIR, path), path):
        place = f"{path}, line {number}: "
        prove_known(name, place)
        if name in {DATA_DIR, *settings}:
            reason = "belongs in the environment" if name == DATA_DIR else "is set twice in this file"
            raise Unusable("%(place)s%(name)s %(reason)s", place=place, name=name, reason=reason)
        settings[name] = value
    return settings


def lines_of(text: str, path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number, the name and the value of each setting in the text of `simsim.env`; raise Unusable."""
    plain = [_plain_line(line) for line in text.split("\n")]
    if all(plain):
        for number, line in enumerate(plain, 1):
            if line and line["name"]:
                yield number, line["name"], line[line.lastindex or 0]
        return
    try:
        from dotenv.parser import parse_stream  # noqa: PLC0415 - a middleware does without, if all lines are plain
    except ModuleNotFoundError:
        raise Unusable(
            "%(path)s, line %(number)s: without the package python-dotenv, a value with spaces or other special "
            "characters can only be read in quotes and without “\\”",
            path=str(path), number=str(plain.index(None) + 1),
        ) from None  # fmt: skip
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise Unusable(
                "%(place)snot a setting. Write NAME=VALUE, and quote a value that has spaces",
                place=f"{path}, line {number_of(binding)}: ",
            )
        if binding.key is not None and binding.value is not None:
            yield number_of(binding), binding.key, binding.value


def number_of(line: "Binding") -> int:
    """Return the line number of a setting.

    The parser counts the empty lines before a setting as part of it; they are skipped here.
    """
    text = line.original.string
    return line.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def prove_enterable(directory: Path) -> None:
    try:
        os.lstat(directory / KEPT)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unusable(
            "%(name)s: %(path)s can't be used (%(reason)s)",
            name=DATA_DIR, path=str(directory), reason=(error.strerror or "unknown reason").lower(),
        ) from error  # fmt: skip
