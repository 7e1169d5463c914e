"""The rules for the passwords that people choose: hard to guess, free of known words, and in no list of breaches."""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator

import requests
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from zxcvbn import zxcvbn

log = logging.getLogger(__name__)
PRODUCT = "simsim"
# Shorter parts of an email address are in too many words: “al” is in “also”.
MIN_WORD_LENGTH = 4
# zxcvbn's scale of 0 to 4: from 3 on, a password withstands more than 100 million guesses.
MIN_SCORE = 3
# zxcvbn takes no more; whoever knows fewer characters can't guess the password.
MAX_ESTIMATED_LENGTH = 72
PATIENCE_SECONDS = 2.0


class NotGuessable:
    """Refuses passwords that a list of common passwords, words and patterns leads to within 100 million guesses."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError for a password that is easy to guess."""
        estimate = zxcvbn(password[:MAX_ESTIMATED_LENGTH], [PRODUCT, *words_about(user)])
        if estimate["score"] < MIN_SCORE:
            message = gettext(
                "This password is easy to guess: it is a common password, a common word with a few characters added, or"
                " a pattern. Try four words that have nothing to do with each other."
            )
            raise ValidationError(message, code="password_guessable")

    def get_help_text(self) -> str:
        return gettext("It must not be a common password or a pattern, such as 123456789012.")


class KnownWordsDontCount:
    """Refuses passwords that are too short without the product's name and what others know about the person."""

    def __init__(self, min_length: int = 12, names: Iterable[str] = ()) -> None:
        self.min_length = min_length
        self.names = long_enough(names)

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError, with the word, for a password that is short without it; punctuation doesn't count."""
        rest = squashed(password)
        found = [
            word
            for word in sorted([PRODUCT, *self.names, *words_about(user)], key=len, reverse=True)
            if squashed(word) in rest
        ]
        for word in found:
            rest = rest.replace(squashed(word), "")
        if found and len(rest) < self.min_length:
            message = gettext(
                "Others would try “%(word)s” first, so it doesn’t count: without it, the password is too short."
            )
            raise ValidationError(message, code="password_known_word", params={"word": found[0]})

    def get_help_text(self) -> str:
        return gettext("Your email address, the name of your account and “Simsim” don’t count.")


class NotBreached:
    """Refuses passwords that were published after a breach, if the operator named a service that knows them.

    The service gets the first five digits of the password's SHA-1 and returns all the ends that it knows (the range
    search of Have I Been Pwned), so it learns neither the password nor its digest. A service that does not answer
    refuses nothing, and sign-in never asks it.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:  # noqa: ARG002
        """Raise ValidationError for a password that the service knows."""
        if self.url and is_breached(password, url=self.url):
            message = gettext("This password was published after a break-in at some other service. Choose another one.")
            raise ValidationError(message, code="password_breached")

    def get_help_text(self) -> str:
        return ""


def is_breached(password: str, *, url: str) -> bool:
    """Whether the service at the URL knows the password; False if it does not answer within two seconds."""
    # Not a digest that protects anything: the service's protocol names it.
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    try:
        answer = requests.get(
            f"{url.rstrip('/')}/{digest[:5]}",
            headers={"Add-Padding": "true"},  # all answers have the same size, so a listener learns nothing
            timeout=PATIENCE_SECONDS,
            allow_redirects=False,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        log.warning("the service for breached passwords did not answer: %s", type(error).__name__)
        return False
    known = (line.partition(":") for line in answer.text.splitlines())
    # The service pads its answer with lines whose count is 0.
    return any(end.strip().upper() == digest[5:] and count.strip() != "0" for end, _, count in known)


def words_about(user: AbstractBaseUser | None) -> list[str]:
    """Return the words that others know about a person: the parts of their email address, the names of their accounts.

    The person may be new, and not stored yet.
    """
    if user is None:
        return []
    memberships = getattr(user, "memberships", None) if user.pk else None
    names = memberships.values_list("account__name", flat=True) if memberships is not None else []
    return [*parts_of_email(str(getattr(user, "email", ""))), *long_enough(names)]


def parts_of_email(email: str) -> Iterator[str]:
    """Yield the address, its local part, its domain and their parts, except those that are too short."""
    local, _, domain = email.partition("@")
    # Everybody's domain ends in one of a few words, such as “example” or “com”.
    name = domain.rpartition(".")[0]
    yield from long_enough([email, local, name, *re.split(r"[._+-]+", local), *name.split(".")])


def long_enough(words: Iterable[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if len(squashed(word)) >= MIN_WORD_LENGTH]


def squashed(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
