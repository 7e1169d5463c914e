"""Guesses at passwords are slowed, the person they aim at is not, and answers don't tell whether an email is known."""

import statistics
import time

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import Client

from cast import PASSWORD, Cast
from console_client import sign_in, text_of
from second_factor_hand import is_signed_in
from simsim.accounts.invitations import link_to_choose_a_password
from simsim.mail.models import OwedMail

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R1")]
TOO_MANY = "Too many failed attempts"
NEW = "kettle violin marsh umbrella"


@pytest.fixture(autouse=True)
def no_attempts_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "simsim.mail.django_backend.OwedBackend")


def guess(email: str, number: int, password: str = "a wrong guess") -> tuple[Client, str]:
    """Try a password from an address that nobody has used."""
    stranger = Client(REMOTE_ADDR=f"203.0.{number // 250}.{number % 250 + 1}")
    return stranger, text_of(stranger.post("/sign-in/login/", {"login": email, "password": password}))


def test_guesses_from_many_addresses_are_slowed(cast: Cast) -> None:
    answers = [guess(cast.alice.email, number)[1] for number in range(30)]
    assert [TOO_MANY in answer for answer in answers] == [False] * 20 + [True] * 10
    stranger, answer = guess(cast.alice.email, 99, PASSWORD)
    assert TOO_MANY in answer, "the answer to the right password must not differ"
    assert not is_signed_in(stranger)


def test_spelling_of_the_address_does_not_give_more_guesses(cast: Cast) -> None:
    spellings = [cast.alice.email, cast.alice.email.upper(), f" {cast.alice.email} "]
    answers = [guess(spellings[number % 3], number)[1] for number in range(21)]
    assert TOO_MANY in answers[-1]


def test_unknown_address_is_counted_alike(cast: Cast) -> None:
    answers = [guess("nobody@acme.example", number)[1] for number in range(21)]
    assert [TOO_MANY in answer for answer in answers] == [False] * 20 + [True]


def test_guesses_do_not_lock_out_the_person_in_their_own_browser(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    alice.post("/sign-in/logout/")
    for number in range(30):
        guess(cast.alice.email, number)
    sign_in(cast.alice, alice)
    assert is_signed_in(alice)


def test_known_browser_of_one_person_gives_no_guesses_at_another(cast: Cast) -> None:
    bob = sign_in(cast.bob)
    bob.post("/sign-in/logout/")
    for number in range(20):
        guess(cast.alice.email, number)
    answer = bob.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD})
    assert TOO_MANY in text_of(answer)


def test_known_browser_has_a_limit_of_its_own(cast: Cast) -> None:
    alice = sign_in(cast.alice)
    alice.post("/sign-in/logout/")
    for _ in range(6):
        answer = alice.post("/sign-in/login/", {"login": cast.alice.email, "password": "a wrong guess"})
    assert TOO_MANY in text_of(answer)


def test_person_under_attack_gets_in_with_a_link(cast: Cast) -> None:
    for number in range(30):
        guess(cast.alice.email, number)
    browser = Client()
    link = "/" + link_to_choose_a_password(cast.alice).split("/", 3)[3]
    browser.post(browser.get(link)["Location"], {"password1": NEW, "password2": NEW})
    browser.post("/sign-in/login/", {"login": cast.alice.email, "password": NEW})
    assert is_signed_in(browser)


def test_requests_for_links_do_not_keep_the_person_from_theirs(cast: Cast) -> None:
    answers = []
    for number in range(8):
        stranger = Client(REMOTE_ADDR=f"203.0.113.{number + 1}")
        answers.append(stranger.post("/sign-in/password/reset/", {"email": cast.alice.email}, follow=True))
    assert {answer.status_code for answer in answers} == {200}
    assert len({text_of(answer) for answer in answers}) == 1
    mails = OwedMail.objects.filter(recipient=cast.alice.email)
    assert mails.count() == 3, "and the links of all three work"


def test_known_and_unknown_address_get_one_answer_after_one_time(cast: Cast) -> None:
    seconds: dict[str, list[float]] = {cast.bob.email: [], "nobody@acme.example": []}
    pages = set()
    for number in range(3):
        for email, taken in seconds.items():
            started = time.monotonic()
            stranger = Client(REMOTE_ADDR=f"203.0.113.{number + 1}")
            pages.add(text_of(stranger.post("/sign-in/password/reset/", {"email": email}, follow=True)))
            taken.append(time.monotonic() - started)
    assert len(pages) == 1
    known, unknown = (statistics.median(taken) for taken in seconds.values())
    assert min(known, unknown) >= 0.3
    assert abs(known - unknown) < 0.1


def test_sign_in_hashes_one_password_whoever_is_named(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing takes nearly all the time of an attempt, so the number of hashes tells how long it takes."""
    counted: list[str] = []
    encode = hashers.MD5PasswordHasher.encode

    def counting(self: hashers.MD5PasswordHasher, password: str, salt: str) -> str:
        counted.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", counting)
    for number, email in enumerate((cast.alice.email, "nobody@acme.example")):
        counted.clear()
        guess(email, number)
        assert counted == ["a wrong guess"], email
