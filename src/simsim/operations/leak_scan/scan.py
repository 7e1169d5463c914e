"""Scans paths and the history of repositories, and says where passwords stand."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simsim.operations.leak_scan import passwords
from simsim.operations.leak_scan.files import Reader, Unread, standard_input
from simsim.operations.leak_scan.history import repositories
from simsim.problem import WrongUsage

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Hit:
    """A password that was found: the place for people, and the line in it."""

    place: str
    line: int
    password: str = field(repr=False)


def scan(paths: Sequence[str], unread: Unread, *, with_history: bool) -> Iterator[Hit]:
    """Return where passwords stand; what can't be read is noted in `unread`.

    Raises WrongUsage for a path that does not exist, before anything is read, and Unusable if a repository's history
    can't be read.
    """
    for each in paths:
        if each != STANDARD_INPUT and not Path(each).exists():
            raise WrongUsage("There is no file or folder %(path)s", path=each)
    for each in paths:
        if each == STANDARD_INPUT:
            content = standard_input(sys.stdin.buffer)
            yield from (Hit(content.name, leak.line, leak.password) for leak in passwords.find(content.chunks))
            continue
        for content in Reader(unread).walk(Path(each)):
            yield from (Hit(content.name, leak.line, leak.password) for leak in passwords.find(content.chunks))
        if with_history:
            yield from history(Path(each))


def history(path: Path) -> Iterator[Hit]:
    for repository in repositories(path):
        found = [(content.name, leak) for content in repository.objects() for leak in passwords.find(content.chunks)]
        for name, leak in found:
            yield Hit(repository.place(name), leak.line, leak.password)
