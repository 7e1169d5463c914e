"""The settings that `simsim setup` asks for, and those that only its options give."""

from collections.abc import Mapping
from functools import partial

from simsim.operations.context import KeptSettings
from simsim.operations.setup.questions import Question, answer
from simsim.problem import FieldError, Invalid, Unusable

NO_DATABASE_URL = "sqlite"
QUESTIONS = {
    "SIMSIM_BASE_URL": Question("--base-url", "Address of the console, as people type it", "http://localhost:8000"),
    "SIMSIM_DATABASE_URL": Question(
        "--database-url", "Database: a URL that starts with postgresql://, or sqlite", NO_DATABASE_URL
    ),
    "SIMSIM_EMAIL_URL": Question("--email-url", "Mail server", "smtp://localhost:25"),
}


def new_settings(given: Mapping[str, str | None], *, kept: KeptSettings) -> dict[str, str]:
    """Return the settings to add to `simsim.env`; this process uses them from now on.

    `given` holds the options by setting. Raises Invalid for an option that can't be used, WrongUsage for a missing one,
    Conflict for one that disagrees with a setting that exists.
    """
    new: dict[str, str] = {}
    for name, value in given.items():
        question = QUESTIONS.get(name)
        prove = partial(proposed, name, kept=kept)
        if value is not None:
            new |= prove(value)
        elif question and not kept.is_set(name):
            new |= answer(question, None, prove=prove)
    return new


def proposed(name: str, value: str, *, kept: KeptSettings) -> dict[str, str]:
    if name == "SIMSIM_DATABASE_URL" and value == NO_DATABASE_URL:
        return {}
    try:
        return kept.propose({name: value.strip()})
    except Unusable as problem:
        raise Invalid(FieldError(name.removeprefix("SIMSIM_").lower(), str(problem))) from None
