"""Rules for every page: nothing is cached, no redirect leads to another site, and one-time links work once."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client

from cast import PASSWORD, Cast
from simsim.account_log.time_filters import parse_moment
from simsim.accounts.invitations import invite, link_to_choose_a_password
from simsim.accounts.models import User
from simsim.console.logs.filter_form import LogFilterForm
from simsim.problem import Invalid
from simsim.tokens import rules

pytestmark = pytest.mark.django_db(databases="__all__")
BASE = "http://localhost:8000"
NEW = "a password that nobody guessed"


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    """The cache counts attempts to sign in, and outlives a test."""
    cache.clear()


def signed_in(email: str) -> Client:
    client = Client()
    answer = client.post("/sign-in/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


@pytest.mark.any_database
@pytest.mark.covers("R1", "R11")
def test_no_refusal_is_cached(cast: Cast) -> None:
    # test_authorisation_matrix.py asks every other address.
    for address in ("/nowhere/", "/sign-in", f"/accounts/{uuid.uuid4()}/tokens/"):
        for client in (Client(), signed_in(cast.alice.email)):
            for answer in (client.get(address), client.post(address, {})):
                assert "no-store" in answer.get("Cache-Control", ""), (address, answer.status_code)
                assert "public" not in answer["Cache-Control"]
    untrusted = Client(enforce_csrf_checks=True).post("/sign-in/login/", {"login": "x"})
    assert (untrusted.status_code, "no-store" in untrusted["Cache-Control"]) == (403, True)
    assert "no-store" in Client().get("/", headers={"host": "evil.example"})["Cache-Control"]


@pytest.mark.covers("R1")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://localhost:9999/", "http://localhost/", "https://localhost:8000/", "//localhost:9999/",
        "http://127.0.0.1:9999/", "//evil.example/", "http:///evil.example", "\\\\evil.example", "/\\evil.example",
        "http://localhost:8000@evil.example/", "javascript:alert(1)", "http:localhost:9999", "///evil.example",
        "http://user@localhost:8000/", " //evil.example",
    ],
)  # fmt: skip
def test_sign_in_and_sign_out_lead_to_no_other_origin(cast: Cast, elsewhere: str) -> None:
    client = Client(SERVER_NAME="localhost", SERVER_PORT="8000")
    signed = client.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD, "next": elsewhere})
    assert (signed.status_code, signed["Location"]) == (302, "/")
    for page in ("reauthenticate/", "password/change/"):
        data = {"password": PASSWORD, "oldpassword": PASSWORD, "password1": NEW, "password2": NEW, "next": elsewhere}
        led = client.post(f"/sign-in/{page}", data)
        assert led.status_code == 302, page
        assert led["Location"].startswith(("/sign-in/", "/accounts/")) or led["Location"] == "/", page
    assert elsewhere not in client.post("/sign-in/logout/", {"next": elsewhere})["Location"]


@pytest.mark.covers("R1")
@pytest.mark.parametrize("ours", ["/accounts/", BASE + "/accounts/", "/accounts/?status=4xx#top"])
def test_sign_in_leads_to_the_requested_page(cast: Cast, ours: str) -> None:
    client = Client(SERVER_NAME="localhost", SERVER_PORT="8000")
    answer = client.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD, "next": ours})
    assert answer["Location"] == ours


def together(count: int, clients: list[Client], address: str, data: dict[str, str]) -> list[tuple[str, int, str]]:
    """Post one form from every browser at once, each with its own password; a redirect's page is its address."""
    barrier, answers = threading.Barrier(count), []

    def post(number: int, client: Client) -> None:
        password = f"{NEW} {number}"
        barrier.wait()
        try:
            answer = client.post(address, data | {"password1": password, "password2": password})
            page = answer.headers.get("Location", answer.content.decode())
            answers.append((password, answer.status_code, page))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=post, args=each) for each in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.covers("R1", "B11")
@pytest.mark.parametrize("kind", ["invitation", "reset", "change"])
def test_of_four_browsers_that_set_a_password_together_one_does(cast: Cast, now: datetime, kind: str) -> None:
    data: dict[str, str] = {}
    if kind == "change":
        person = cast.bob
        clients = [signed_in(person.email) for _ in range(4)]
        address, data = "/sign-in/password/change/", {"oldpassword": PASSWORD}
    else:
        person = cast.bob
        if kind == "invitation":
            person = invite(
                actor=cast.as_alice, account=cast.acme, email="dora@acme.example", role="member", now=now
            ).user
        link = "/" + link_to_choose_a_password(person).split("/", 3)[3]
        clients = [Client() for _ in range(4)]
        [address] = {client.get(link)["Location"] for client in clients}
    answers = together(4, clients, address, data)
    if kind == "change":
        # A browser that comes later still finds itself signed out, because the new password has ended its session.
        answers = [answer for answer in answers if not answer[2].startswith("/sign-in/login/")]
    [(password, *_)] = [answer for answer in answers if answer[1] == 302]
    assert User.objects.get(pk=person.pk).check_password(password)
    for _password, status, page in (answer for answer in answers if answer[1] != 302):
        is_told = (
            "has just set this password" in page
            or "no longer works" in page
            or "To continue, enter your password for" in page
        )
        assert is_told, (status, page)
        assert status in {200, 409}


@pytest.mark.covers("R5", "R18")
@pytest.mark.parametrize("at", ["00:00:00", "12:34:56", "23:59:59"])
@pytest.mark.parametrize("day", ["2026-11-23", "2028-02-29", "2026-12-31", "2027-03-28"])
def test_every_day_that_the_form_offers_can_be_chosen(day: str, at: str) -> None:
    now = datetime.fromisoformat(f"{day}T{at}+00:00")
    last = rules.last_day(now)
    assert rules.parse_expiry(last.isoformat(), now=now) == datetime.combine(
        last + timedelta(days=1), datetime.min.time(), tzinfo=UTC
    )
    assert rules.parse_expiry(now.date().isoformat(), now=now) > now
    assert rules.parse_expiry(f"{rules.MAX_LIFETIME.days}d", now=now) == now + rules.MAX_LIFETIME
    beyond = (last + timedelta(days=1)).isoformat()
    for late in (beyond, f"{rules.MAX_LIFETIME.days + 1}d", f"{beyond}T00:00:01Z", f"{last}T23:59:59-12:00"):
        with pytest.raises(Invalid):
            rules.parse_expiry(late, now=now)
    advised = rules.recommended_until(now)
    for date, is_long in ((advised, False), (advised + timedelta(days=1), True)):
        expires = rules.parse_expiry(date.isoformat(), now=now)
        assert rules.is_longer_than_recommended(expires, now=now) is is_long


@pytest.mark.covers("R5", "R18")
def test_last_day_of_the_form_creates_a_token(cast: Cast, now: datetime) -> None:
    alice = signed_in(cast.alice.email)
    address = f"/accounts/{cast.acme.pk}/tokens/new/"
    page = alice.get(address).content.decode()
    last = page.split('max="')[1].split('"')[0]
    data = {"name": "For long", "expires": "date", "expires_on": last, "network": ""}
    assert alice.post(address, data).status_code == 201


@pytest.mark.covers("R5", "R17")
@pytest.mark.parametrize(
    "text",
    [
        "2027-W05", "2027W05", "2027-W05-1", "2027W051", "2027-W05-1T12:00Z", "20270131", "20270131T120000Z",
        "2027-031", "2027-01", "2027-01-31T12Z", "2027-01-31T1200Z", "2027-01-31T12:00:00,5Z", "2027-1-31",
        "２０２７-01-31", "2027-01-31T12:00+1", "2027-01-31_12:00Z", "2027-02-30", "9999-99-99", "-2027-01-31",
    ],
)  # fmt: skip
def test_unusual_date_forms_are_refused_in_the_console_and_on_the_command_line(text: str) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with pytest.raises(Invalid):
        rules.parse_expiry(text, now=now)
    for name in ("since", "until"):
        with pytest.raises(Invalid):
            parse_moment(name, text)
        form = LogFilterForm.read({name: text, "range": "dates"}, now=now)  # type: ignore[arg-type]
        assert name in form.errors


@pytest.mark.covers("R17")
@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2027-01-31", "2027-01-31T00:00:00+00:00", "2027-02-01T00:00:00+00:00"),
        ("2027-01-31T12:00Z", "2027-01-31T12:00:00+00:00", "2027-01-31T12:00:00+00:00"),
        ("2027-01-31 12:00:30.5+14:00", "2027-01-30T22:00:30.500000+00:00", "2027-01-30T22:00:30.500000+00:00"),
        ("2027-01-31t12:00z", "2027-01-31T12:00:00+00:00", "2027-01-31T12:00:00+00:00"),
    ],
)  # fmt: skip
def test_days_and_times_mean_the_same_in_the_console_and_on_the_command_line(text: str, since: str, until: str) -> None:
    for through, expected in ((False, since), (True, until)):
        moment = parse_moment("x", text, through=through)
        assert moment is not None
        assert moment.isoformat() == expected
