"""Tells a process from its forked children without a system call: they must not share connections, locks or files."""

import os

_generation = 0


def generation() -> int:
    """Return a number that differs between a process and the children that it forks."""
    return _generation


def _forked() -> None:
    global _generation  # noqa: PLW0603
    _generation += 1


os.register_at_fork(after_in_child=_forked)
