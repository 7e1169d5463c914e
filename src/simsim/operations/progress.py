"""A progress bar for people at a terminal; scripts see nothing of it."""

import sys
from collections.abc import Iterable, Iterator


def tracked(steps: Iterable[int], *, of: int, what: str) -> Iterator[int]:
    """Pass on how much each step has done, and show the sum, its rate and what is left of the whole on stderr."""
    if not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console  # noqa: PLC0415 - needed only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=of)
        for done in steps:
            progress.advance(task, done)
            yield done
