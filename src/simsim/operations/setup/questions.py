"""The questions of `simsim setup`: answered by options, or else in a terminal."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import typer

from simsim.problem import Problem, WrongUsage, gettext_noop

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Question:
    """A question: the option that answers it, the words in a terminal, and the usual answer, or None without one."""

    option: str
    text: str
    usual: str | None = None
    is_secret: bool = False


def answer(question: Question, given: str | None, *, prove: Callable[[str], Answer]) -> Answer:
    """Return what `prove` makes of the option's value, or of the answer; a refused answer is asked for again.

    Raises WrongUsage, naming the option, if it was left out where nobody can be asked, and what `prove` raises.
    """
    if given is not None:
        return prove(given)
    if not sys.stdin.isatty():
        if question.usual is not None:
            return prove(question.usual)
        raise WrongUsage(
            gettext_noop("%(option)s is missing. Without a terminal, simsim setup can't ask for it."),
            option=question.option,
        )
    while True:
        # On standard error, because standard output may be JSON for a script.
        typed = typer.prompt(
            question.text, question.usual, question.is_secret, confirmation_prompt=question.is_secret, err=True
        )
        try:
            return prove(typed)
        except Problem as problem:
            typer.echo(f"  {problem}", err=True)
