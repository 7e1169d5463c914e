"""Following a link of a mail, as a link scanner does, changes nothing until a person presses a button."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client

from cast import Cast
from console_client import sign_in
from mail_reading import ADDRESS, Read, letter
from mail_samples import DORA, Sample, World, samples
from simsim.access_reviews.actions import start_review
from simsim.accounts.invitations import invite
from simsim.accounts.models import User
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token
from simsim.tokens.models import HandOver, Token, TokenRequest
from simsim.tokens.token_requests import ask_for_token
from simsim.webhooks.actions import add_endpoint

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database]
CHOSEN = "a long password of her own"
# Every visit creates a session, and the cache counts attempts to sign in.
NOT_COMPARED = {"audit_chain", "console_sessions_consolesession", "django_cache"}


@dataclass(frozen=True)
class Post:
    """Mails about things that exist: the mails that actions owe, and every sample."""

    world: World
    owed: list[OwedMail]

    @property
    def mails(self) -> Iterator[OwedMail]:
        yield from self.owed
        yield from (sample.mail for sample in samples(self.world))

    @property
    def links(self) -> list[str]:
        """Every address that a program finds in the text or the HTML of a mail, as a path."""
        found: dict[str, None] = {}
        for mail in self.mails:
            received = letter(mail)
            read = Read(received.html)
            for address in (*ADDRESS.findall(received.text), *(link for link, _ in read.links)):
                found[urlsplit(address.rstrip(".,"))._replace(scheme="", netloc="").geturl() or "/"] = None
        return list(found)


@pytest.fixture
def post(cast: Cast, now: datetime) -> Post:
    cache.clear()
    request = ask_for_token(actor=cast.as_bob, account=cast.acme, name="Sales", purpose="The weekly figures", now=now)
    granted = ask_for_token(actor=cast.as_bob, account=cast.acme, name="Stock", purpose="The levels", now=now)
    made: dict[str, Any] = {"actor": cast.as_alice, "account": cast.acme, "expires": "30d", "now": now}
    create_token(**made, name="Stock", request=granted)
    token, _ = create_token(**made, name="Power BI")
    invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="administrator", now=now)
    invite(actor=cast.as_charlie, account=cast.globex, email="bob@acme.example", role="member", now=now)
    owed = list(OwedMail.objects.order_by("pk"))
    [key] = re.findall("/reset/key/([^/]+)/", next(mail for mail in owed if mail.recipient == DORA).facts["link"])
    offer = HandOver.objects.get(recipient=cast.bob)
    endpoint, _ = add_endpoint(
        actor=cast.as_alice, account=cast.acme, name="Tickets", url="https://hooks.example/", events=["token.expired"],
        now=now,
    )  # fmt: skip
    review = start_review(actor=cast.as_alice, account=cast.acme, now=now)
    world = World(
        str(cast.acme.pk), str(token.pk), str(request.pk), str(offer.pk), str(endpoint.pk), str(review.pk), key
    )
    return Post(world, owed)


def rows() -> dict[str, list[Any]]:
    """Return every row of every table, save sessions and what the trail says of them.

    Whoever opens a link to choose a password is signed out: it may be the way in of somebody else.
    """
    found = {}
    for alias in connections:
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                if table not in NOT_COMPARED:
                    cursor.execute(f'SELECT * FROM "{table}"')
                    kept = (repr(row) for row in cursor.fetchall() if "session.signed_" not in repr(row))
                    found[f"{alias} {table}"] = sorted(kept)
    return found


@pytest.mark.covers("R8", "R19", "R1")
def test_following_every_link_of_every_mail_changes_nothing(cast: Cast, post: Post) -> None:
    assert {mail.kind for mail in post.owed} >= {
        "token_requested", "token_created", "token_request_granted", "invited",
    }  # fmt: skip
    links = post.links
    assert len(links) >= 7
    for link in links:
        for person in (None, cast.alice, cast.bob):
            cache.clear()
            visitor = sign_in(person) if person else Client()
            before = rows()
            for ask in (visitor.get, visitor.head, visitor.get):
                followed = ask(link, follow=True)
                # A member may not open administrators' pages, and the answer says so. A hand-over is for one person.
                # The operators' page opens to nobody here.
                refused = {(cast.bob, 403)}
                refused |= {(cast.alice, 404)} if "/hand-over/" in link else set()
                refused |= {(cast.alice, 404), (cast.bob, 404)} if link == "/operator/" else set()
                assert followed.status_code == 200 or (person, followed.status_code) in refused, link
                assert rows() == before, f"{ask.__name__} {link}"
    # Pressing the page's button does change rows, so the comparison of rows can fail.
    sign_in(cast.alice).post(next(link for link in links if "revoke" in link), {"reason": "not_recognised"})
    changed = {table for table, then in rows().items() if then != before[table]}
    assert {"default tokens_token", "default audit_auditevent"} <= changed


@pytest.mark.covers("R1")
def test_link_that_works_once_still_works_after_a_scanner_has_opened_it(cast: Cast, post: Post) -> None:
    link = f"/sign-in/password/reset/key/{post.world.key}/"
    for scanner in (Client(), Client(), Client()):
        scanner.head(link, follow=True)
        scanner.get(link, follow=True)
    dora = Client()
    form = dora.get(link, follow=True).redirect_chain[-1][0]
    dora.post(form, {"password1": CHOSEN, "password2": CHOSEN})
    assert User.objects.get(email=DORA).check_password(CHOSEN)


@pytest.mark.covers("R19")
def test_unknown_token_is_revoked_with_one_press_after_signing_in(cast: Cast, post: Post) -> None:
    link = next(link for link in post.links if "revoke" in link and post.world.token in link)
    client = Client()
    door = client.get(link, follow=True).redirect_chain[-1][0]
    question = client.post(door, {"login": cast.alice.email, "password": "open sesame, said Alice"}, follow=True)
    assert question.redirect_chain[-1][0] == link
    page = question.content.decode()
    assert re.findall(r'value="(\w+)" checked', page) == ["not_recognised"]
    assert Token.objects.get(pk=post.world.token).revoked_at is None
    client.post(link, {"reason": "not_recognised"})
    token = Token.objects.get(pk=post.world.token)
    assert (token.revocation_reason, token.revoked_by_label) == ("not_recognised", cast.alice.email)


@pytest.mark.covers("R13")
@pytest.mark.parametrize(
    "query", ["", "?reason=", "?reason=unheard-of", '?reason="><script>', "?reason=not_recognised%00"]
)
def test_only_a_known_reason_is_chosen_beforehand(cast: Cast, post: Post, query: str) -> None:
    page = sign_in(cast.alice).get(f"/accounts/{cast.acme.pk}/tokens/{post.world.token}/revoke/{query}")
    assert page.status_code == 200
    assert " checked" not in page.content.decode()
    assert "<script>" not in page.content.decode()


@pytest.mark.covers("R8")
def test_samples_have_the_facts_that_the_product_owes(post: Post) -> None:
    """Otherwise the tests and the previews would show mails that nobody gets."""
    known: dict[str, Sample] = {}
    for sample in samples():
        known.setdefault(sample.kind, sample)
    for mail in post.owed:
        assert set(mail.facts) == set(known[mail.kind].facts), mail.kind
    assert TokenRequest.objects.count() == 2
