"""Both databases agree when two names are the same: for uniqueness, for search, and for repeated requests."""

from datetime import datetime

import pytest
from django.db.models import Value

from cast import Cast
from concurrency import race
from simsim.accounts.actions import add_user, create_account
from simsim.accounts.models import Account, User
from simsim.accounts.name_keys import name_key
from simsim.accounts.permissions import OPERATOR
from simsim.problem import AlreadyExists, Invalid
from simsim.tokens.actions import create_token, edit_token, revoke_token
from simsim.tokens.attention import TokenSearch, rank_active
from simsim.tokens.field_errors import faults, lookalike_of
from simsim.tokens.models import TargetSoftware, Token, TokenRequest
from simsim.tokens.software import add_software
from simsim.tokens.token_requests import ask_for_token

pytestmark = pytest.mark.django_db(databases="__all__")
# Each pair is one name: case beyond ASCII, composed or not, width, spacing, ligatures, ignorable characters.
SAME = [
    ("Ärger", "ärger"),
    ("Ärger", "a\u0308rger"),
    ("Straße", "STRASSE"),
    ("Ωmega", "ωMEGA"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("Договор", "ДОГОВОР"),
    ("Invoice", "Ｉnvoice"),
    ("Office", "o\ufb03ce"),
    ("Invoice  A", "Invoice\u00a0A"),
    ("Invoice A", "Invoice\u3000A"),
    ("❤️ team", "❤ team"),
    ("می\u200cخواهم", "میخواهم"),
    ("Plan ①", "Plan 1"),
]
APART = [("Mail", "Mall"), ("Ärger", "Arger"), ("Договор", "Dogovor"), ("Invoice A", "InvoiceA")]
UNSEEN = ["\u200b", "\u2800", "\u3164", "\u115f\u1160", "\uffa0", "\u0301", "\ufe0f", "\U000e0041", "\ufffc"]
HIDDEN = ["Invoi\u200bce", "Invoice\ufeff", "In\u00advoice", "\u200eInvoice", "Invoice\u061c", "Inv\u034foice",
          "Inv\u200coice", "Invoice 1\ufe0f", "Inv\u2060oice", "\u202eeciovnI", "In\u2066voice", "In\u2028voice",
          "Invoice\U000e0100", "In\u180bvoice", "In\u0085voice"]  # fmt: skip
SEEN = [
    "👩‍💻 desk",
    "❤️",
    "1️⃣",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "👨🏽‍🚀",
    "🏳️‍🌈",
    "می\u200cخواهم",
    "क\u094d\u200dष",
    "葛\U000e0100城",
    "Ⅷ",
    "\u0600 5",
    "日本　東京",
]


def create(cast: Cast, name: str, now: datetime, **more: str) -> Token:
    return create_token(actor=cast.as_alice, account=cast.acme, name=name, expires="90d", now=now, **more)[0]  # type: ignore[arg-type]


@pytest.mark.covers("R5", "B11")
@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_a_name_are_one_name(cast: Cast, now: datetime, one: str, other: str) -> None:
    assert name_key(one) == name_key(other)
    for first, second in ((one, other), (other, one)):
        token = create(cast, first, now)
        with pytest.raises(AlreadyExists):
            create(cast, second, now)
        another = create(cast, "Another", now)
        with pytest.raises(AlreadyExists):
            edit_token(actor=cast.as_alice, token=another, name=second, now=now)
        assert edit_token(actor=cast.as_alice, token=token, name=second, now=now).name_key == name_key(first)
        for made in (token, another):
            revoke_token(actor=cast.as_alice, token=made, now=now)


@pytest.mark.covers("R5")
@pytest.mark.parametrize(("one", "other"), APART)
def test_different_names_stay_different(cast: Cast, now: datetime, one: str, other: str) -> None:
    create(cast, one, now)
    create(cast, other, now)


@pytest.mark.covers("R5", "B11")
@pytest.mark.parametrize(("one", "other"), SAME[:7])
def test_accounts_software_and_requests_follow_the_same_rule(cast: Cast, now: datetime, one: str, other: str) -> None:
    create_account(actor=OPERATOR, name=one, now=now)
    add_software(actor=OPERATOR, slug="one", name=one, now=now)
    asked = ask_for_token(actor=cast.as_bob, account=cast.acme, name=one, purpose="p", now=now)
    with pytest.raises(AlreadyExists):
        create_account(actor=OPERATOR, name=other, now=now)
    with pytest.raises(AlreadyExists):
        add_software(actor=OPERATOR, slug="other", name=other, now=now)
    assert ask_for_token(actor=cast.as_bob, account=cast.acme, name=other, purpose="p", now=now) == asked
    assert TokenRequest.objects.count() == 1


@pytest.mark.covers("R5", "B11")
@pytest.mark.parametrize(("one", "other"), SAME)
def test_search_finds_a_token_by_every_spelling_of_its_texts(cast: Cast, now: datetime, one: str, other: str) -> None:
    def found(text: str) -> list[str]:
        search = TokenSearch(text=text)
        return list(rank_active(cast.acme, actor=cast.as_alice, search=search, now=now).ids)

    named = create(cast, f"Export {one} nightly", now)
    described = create(cast, "Second", now, description=f"For {one}\nin Bremen")
    create(cast, "Third", now)
    assert {text.replace("-", "") for text in found(other)} == {named.pk.hex, described.pk.hex}
    assert len(found("ALICE@acme")) == 3
    edit_token(actor=cast.as_alice, token=described, description="For nobody", now=now)
    assert [text.replace("-", "") for text in found(other)] == [named.pk.hex]
    assert found("nobody in") == []


@pytest.mark.covers("R5")
@pytest.mark.parametrize("name", UNSEEN + HIDDEN)
def test_name_with_invisible_characters_is_refused_by_every_action(cast: Cast, now: datetime, name: str) -> None:
    for attempt in (
        lambda: create(cast, name, now),
        lambda: create_account(actor=OPERATOR, name=name, now=now),
        lambda: add_software(actor=OPERATOR, slug="one", name=name, now=now),
        lambda: ask_for_token(actor=cast.as_bob, account=cast.acme, name=name, purpose="p", now=now),
    ):
        with pytest.raises(Invalid) as caught:
            attempt()
        assert [error.field for error in caught.value.errors] == ["name"]
    with pytest.raises(Invalid):
        ask_for_token(actor=cast.as_bob, account=cast.acme, name="N", purpose="\u200b\u2800", now=now)


@pytest.mark.covers("R5")
@pytest.mark.parametrize("name", SEEN)
def test_visible_joiners_and_variants_are_kept(cast: Cast, now: datetime, name: str) -> None:
    assert create(cast, name, now).name == name


@pytest.mark.covers("R5")
@pytest.mark.parametrize(
    ("known", "typed"),
    [
        ("Invoice", "Іnvoice"), ("Invoice", "іnvoice"), ("Invoice", "lnvoice"), ("modern", "rnodern"), ("Acme", "Асmе"),
        ("Bill 1", "Bill l"), ("Price 0", "Price O"), ("paypal", "раураl"), ("a-b", "a–b"), ("Ærø", "AErø"),
    ],
)  # fmt: skip
def test_lookalike_name_gets_a_warning_and_is_accepted(cast: Cast, now: datetime, known: str, typed: str) -> None:
    def told(name: str, token: Token | None = None) -> str | None:
        return lookalike_of(cast.acme, name, actor=cast.as_alice, token=token, now=now)

    token = create(cast, known, now)
    assert told(typed) == known
    assert told(known, token) is None
    assert told(known) is None  # the same name: refused, and so not told
    assert told("Mail") is None
    other = create(cast, typed, now)
    assert told(known, token) == typed
    revoke_token(actor=cast.as_alice, token=token, now=now)
    assert told(typed, other) is None


@pytest.mark.covers("R5", "B11")
def test_tokens_with_the_same_name_from_before_the_rule_can_still_be_edited(cast: Cast, now: datetime) -> None:
    first, second = create(cast, "Ärger", now), create(cast, "Second", now)
    Token.objects.filter(pk=second.pk).update(name="ärger", name_key=name_key("ärger"))
    second.refresh_from_db()
    assert edit_token(actor=cast.as_alice, token=second, description="d", now=now).description == "d"
    checked = {
        "actor": cast.as_alice, "account": cast.acme, "expires": None, "description": "", "software": "",
        "allowed_networks": [], "limits": [], "token": second, "now": now,
    }  # fmt: skip
    assert faults(name="ärger", **checked) == []  # type: ignore[arg-type]
    assert [error.field for error in faults(name="ÄRGER", **checked)] == ["name"]  # type: ignore[arg-type]
    revoke_token(actor=cast.as_alice, token=first, now=now)
    edit_token(actor=cast.as_alice, token=second, name="ÄRGER", now=now)


@pytest.mark.covers("R5", "B11")
def test_rows_of_older_code_during_an_update_follow_the_rule(cast: Cast, now: datetime) -> None:
    inserted, renamed = create(cast, "Ärger", now), create(cast, "Before", now)
    # Such code stores a new row without a key, and leaves a renamed row with the key of its old name.
    Token.objects.filter(pk=inserted.pk).update(name_key=Value(""), search_key=Value(""))
    Token.objects.filter(pk=renamed.pk).update(name="After")
    Account.objects.filter(pk=cast.globex.pk).update(name="Öl", name_key="")
    TargetSoftware.objects.filter(slug="excel").update(name="Übersicht", name_key="")
    for attempt in (
        lambda: create(cast, "ärger", now),
        lambda: create_account(actor=OPERATOR, name="öl", now=now),
        lambda: add_software(actor=OPERATOR, slug="other", name="übersicht", now=now),
    ):
        with pytest.raises(AlreadyExists):
            attempt()
    for text in ("rger", "after"):
        assert len(rank_active(cast.acme, actor=cast.as_alice, search=TokenSearch(text=text), now=now).ids) == 1


@pytest.mark.covers("R1", "B11")
@pytest.mark.parametrize(
    "typed", ["Erik@Acme.example", " erik@acme.example ", "ｅrik@acme.example", "eri\u212a@acme.example"]
)
def test_every_spelling_of_an_email_address_is_the_same_person(cast: Cast, now: datetime, typed: str) -> None:
    first = add_user(actor=OPERATOR, account=cast.acme, email="erik@acme.example", role="member", now=now)
    with pytest.raises(AlreadyExists):
        add_user(actor=OPERATOR, account=cast.acme, email=typed, role="member", now=now)
    assert User.objects.get_by_natural_key(typed) == first.user


@pytest.mark.covers("R1")
@pytest.mark.parametrize(
    "typed", ["al\u0131ce@acme.example", "аlice@acme.example", "alice@ac\u200bme.example", "alice@ac\u3164me.example"]
)
def test_address_that_databases_or_people_take_for_another_is_refused(cast: Cast, now: datetime, typed: str) -> None:
    with pytest.raises(Invalid):
        add_user(actor=OPERATOR, account=cast.acme, email=typed, role="member", now=now)


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.covers("R5", "B11")
def test_only_one_of_two_concurrent_spellings_is_created(cast: Cast, now: datetime) -> None:
    spellings = ("Ärger", "ärger", "ÄRGER", "a\u0308rger")
    once = ["AlreadyExists"] * 3 + ["done"]
    assert race(*[lambda name=name: create(cast, name, now) for name in spellings]) == once
    assert race(*[lambda name=name: create_account(actor=OPERATOR, name=name, now=now) for name in spellings]) == once
    added = [
        lambda name=name, slug=f"s{number}": add_software(actor=OPERATOR, slug=slug, name=name, now=now)
        for number, name in enumerate(spellings)
    ]
    assert race(*added) == once
