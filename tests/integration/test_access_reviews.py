"""Access reviews: a snapshot of what grants access, a decision on each row, and a sign-off that can be proven (B19)."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api_client import program_of_alice
from cast import Cast
from concurrency import race
from console_client import sign_in, text_of
from logged_requests import row, store
from simsim.access_reviews import schedule
from simsim.access_reviews.actions import decide, export_review, keep_rows, sign_off, start_review
from simsim.access_reviews.documents import FileFormat
from simsim.access_reviews.fingerprint import fingerprint_of
from simsim.access_reviews.models import AccessReview, ReviewSchedule
from simsim.access_reviews.schedule import months_after, schedule_of, set_schedule, start_due
from simsim.access_reviews.selectors import RowFilter, find_review, progress_of, reviews_of, rows_of
from simsim.accounts.people import memberships_of
from simsim.accounts.permissions import OPERATOR, Actor, PortalGrant
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.actions import create_management_token
from simsim.management_tokens.models import Scope
from simsim.problem import (
    DecisionStands,
    Invalid,
    NotFound,
    NotPermitted,
    Problem,
    ReviewIncomplete,
    ReviewSignedOff,
    ReviewUnderWay,
    TokenNotActive,
)
from simsim.tokens.actions import create_token, revoke_token, show_credentials
from simsim.tokens.models import Status, Token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B19")]
DAY = timedelta(days=1)


def made(cast: Cast, now: datetime, name: str, **given: Any) -> Token:
    values = {"expires": "90d", **given}
    return create_token(actor=cast.as_alice, account=cast.acme, name=name, now=now, **values)[0]


def used(token: Token, at: datetime, requests: int = 1) -> None:
    """Ship that many requests of the token into the log."""
    store(*(row(received_at=at, account_id=token.account_id, token_id=token.pk) for _ in range(requests)))


def started(cast: Cast, now: datetime) -> AccessReview:
    return start_review(actor=cast.as_alice, account=cast.acme, now=now)


def act(cast: Cast, review: AccessReview, name: str, decision: str, now: datetime, **given: Any) -> None:
    row_id = review.rows.get(name=name).pk
    decide(actor=cast.as_alice, review=review, row_id=row_id, decision=decision, now=now, **given)


def names(review: AccessReview, chosen: RowFilter, now: datetime) -> list[str]:
    return [each.name for each in rows_of(review, chosen=chosen, now=now)]


def test_review_lists_who_holds_what_and_when_it_was_last_used(cast: Cast, now: datetime) -> None:
    token = made(cast, now - 80 * DAY, "Power BI", description="Sales", allowed_networks=["203.0.113.0/24"])
    used(token, now - 50 * DAY, 4)
    used(token, now - DAY, 3)
    show_credentials(actor=cast.as_alice, token=token, now=now)
    made(cast, now, "Unused", expires="300d")
    revoke_token(actor=cast.as_alice, token=made(cast, now, "Gone"), now=now)
    create_management_token(
        actor=cast.as_alice, account=cast.acme, name="Script", expires="30d", scopes=[Scope.READ], now=now
    )
    create_token(actor=cast.as_charlie, account=cast.globex, name="Theirs", expires="90d", now=now)
    review = started(cast, now)
    assert [(each.kind, each.name) for each in rows_of(review, chosen=RowFilter.ALL, now=now)] == [
        ("token", "Power BI"), ("token", "Unused"), ("management_token", "Script"),
        ("person", "alice@acme.example"), ("person", "bob@acme.example"),
    ]  # fmt: skip
    found = review.rows.get(name="Power BI")
    expected = {
        "description": "Sales", "created_by": "alice@acme.example", "allowed_networks": ["203.0.113.0/24"],
        "last_used_address": "203.0.113.9", "requests_30_days": 3, "requests_90_days": 7, "times_shown": 1,
    }  # fmt: skip
    assert {name: found.facts[name] for name in expected} == expected
    assert (found.last_used_at, found.expires_at) == (now - DAY, token.expires_at)
    assert review.rows.get(name="bob@acme.example").facts == {"role": "member"}
    assert names(review, RowFilter.NEVER_USED, now) == ["Unused", "Script"]
    assert names(review, RowFilter.UNUSED, now) == ["Unused", "Script"]
    assert names(review, RowFilter.FAR_EXPIRY, now) == ["Unused"]
    assert names(review, RowFilter.PEOPLE, now) == ["alice@acme.example", "bob@acme.example"]


def test_decisions_take_effect_at_once_and_tell_the_others(cast: Cast, now: datetime) -> None:
    for name in ("Kept", "Short", "Stopped"):
        made(cast, now, name)
    review = started(cast, now)
    OwedMail.objects.all().delete()
    act(cast, review, "Kept", "keep", now, note="The nightly report")
    act(cast, review, "Short", "shorten", now, expires="10d")
    act(cast, review, "Stopped", "revoke", now, reason="no_longer_needed")
    tokens = {token.name: token for token in Token.objects.all()}
    assert tokens["Stopped"].status(now) == Status.REVOKED
    assert tokens["Short"].expires_at == now + 10 * DAY
    assert review.rows.get(name="Short").new_expires_at == now + 10 * DAY
    assert tokens["Short"].next_notice_at is not None
    assert tokens["Kept"].expires_at == now + 90 * DAY
    assert [event.event for event in AuditEvent.objects.order_by("pk")][-5:] == [
        "access_review.decided", "token.edited", "access_review.decided", "token.revoked", "access_review.decided",
    ]  # fmt: skip
    assert set(OwedMail.objects.values_list("kind", flat=True)) <= {"token_revoked"}
    for change in ({"decision": "keep"}, {"decision": "shorten", "expires": "5d"}):
        with pytest.raises(DecisionStands):
            act(cast, review, "Stopped", now=now, **change)
    with pytest.raises(DecisionStands):
        act(cast, review, "Short", "keep", now)
    act(cast, review, "Short", "revoke", now)
    assert Token.objects.get(name="Short").status(now) == Status.REVOKED


def test_shortening_only_brings_an_expiry_forward_and_emails_other_administrators(cast: Cast, now: datetime) -> None:
    bob = memberships_of(cast.bob)[0]
    bob.role = "administrator"
    bob.save()
    made(cast, now, "Short")
    review = started(cast, now)
    for expires in ("90d", "91d", "2020-01-31", "", "soon"):
        with pytest.raises(Invalid):
            act(cast, review, "Short", "shorten", now, expires=expires)
    OwedMail.objects.all().delete()
    act(cast, review, "Short", "shorten", now, expires="10d")
    assert [(mail.kind, mail.recipient) for mail in OwedMail.objects.all()] == [("token_shortened", "bob@acme.example")]
    token = Token.objects.get(name="Short")
    later = now + 11 * DAY
    with pytest.raises(TokenNotActive):
        decide(
            actor=cast.as_alice, review=review, row_id=review.rows.get(token=token).pk, decision="shorten",
            expires="1d", now=later,
        )  # fmt: skip


def test_people_and_management_tokens_are_kept_with_a_note(cast: Cast, now: datetime) -> None:
    review = started(cast, now)
    act(cast, review, "bob@acme.example", "keep", now, note="On the team")
    assert review.rows.get(name="bob@acme.example").note == "On the team"
    for decision in ("revoke", "shorten", "ended", ""):
        with pytest.raises(Invalid):
            act(cast, review, "alice@acme.example", decision, now)
    with pytest.raises(Invalid):
        act(cast, review, "alice@acme.example", "keep", now, note="x" * 201)


def test_filter_keeps_what_is_undecided_and_stops_nothing(cast: Cast, now: datetime) -> None:
    used(made(cast, now, "Used"), now)
    for name in ("Never", "Stopped"):
        made(cast, now, name)
    review = started(cast, now)
    act(cast, review, "Stopped", "revoke", now)
    assert keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.NEVER_USED, note="Just made", now=now) == 1
    assert review.rows.get(name="Never").note == "Just made"
    assert review.rows.get(name="Stopped").decision == "revoke"
    assert review.rows.get(name="Used").decision == ""
    assert keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.ALL, now=now) == 3
    assert progress_of(review, now=now).open == 0
    assert AuditEvent.objects.filter(event="access_review.rows_kept").count() == 2


def test_sign_off_needs_every_decision_and_the_file_proves_it(cast: Cast, now: datetime) -> None:
    made(cast, now, "=Kept", description='"Quoted"')
    gone = made(cast, now, "Gone")
    review = started(cast, now)
    with pytest.raises(ReviewIncomplete, match="4"):
        sign_off(actor=cast.as_alice, review=review, name="Alice Liddell", now=now)
    revoke_token(actor=cast.as_alice, token=gone, now=now)
    keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.ALL, now=now)
    assert review.rows.get(name="Gone").decision == ""
    program = Actor(cast.alice.email, cast.alice, management_token="a program")
    with pytest.raises(NotPermitted, match="person"):
        sign_off(actor=program, review=review, name="Alice Liddell", now=now)
    with pytest.raises(Invalid):
        sign_off(actor=cast.as_alice, review=review, name=" ", now=now)
    signed = sign_off(actor=cast.as_alice, review=review, name="Alice Liddell", now=now)
    assert signed.rows.get(name="Gone").decision == "ended"
    recorded = AuditEvent.objects.filter(event="access_review.signed_off").get().details
    assert (recorded["name"], recorded["fingerprint"]) == ("Alice Liddell", signed.fingerprint)
    file = json.loads(export_review(actor=cast.as_alice, review=signed, form=FileFormat.JSON, now=now))
    assert file["fingerprint"] == signed.fingerprint == fingerprint_of(file)
    for entry in file["rows"]:
        before, entry["note"] = entry["note"], "changed"
        assert fingerprint_of(file) != signed.fingerprint
        entry["note"] = before
    table = export_review(actor=cast.as_alice, review=signed, form=FileFormat.CSV, now=now).decode()
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [line["decision"] for line in lines] == ["keep", "ended", "keep", "keep"]
    assert lines[0]["name"] == "'=Kept"
    assert {(line["review_signed_off_name"], line["review_fingerprint"]) for line in lines} == {
        ("Alice Liddell", signed.fingerprint)
    }
    for change in (
        lambda: act(cast, signed, "=Kept", "keep", now),
        lambda: keep_rows(actor=cast.as_alice, review=signed, chosen=RowFilter.ALL, now=now),
        lambda: sign_off(actor=cast.as_alice, review=signed, name="Again", now=now),
    ):
        with pytest.raises(ReviewSignedOff):
            change()
    assert AuditEvent.objects.filter(event="access_review.exported").count() == 2


def test_only_administrators_who_may_see_people_review(cast: Cast, now: datetime) -> None:
    review = started(cast, now)
    with pytest.raises(ReviewUnderWay):
        started(cast, now)
    assert started_by_charlie(cast, now) != review
    from_portal = Actor(cast.alice.email, cast.alice, portal=PortalGrant(cast.acme.pk, "administrator"))
    acts = (
        lambda actor: reviews_of(cast.acme, actor=actor),
        lambda actor: find_review(review.pk, actor=actor),
        lambda actor: schedule_of(cast.acme, actor=actor),
        lambda actor: export_review(actor=actor, review=review, form=FileFormat.CSV, now=now),
        lambda actor: start_review(actor=actor, account=cast.acme, now=now),
        lambda actor: decide(actor=actor, review=review, row_id=1, decision="keep", now=now),
        lambda actor: keep_rows(actor=actor, review=review, chosen=RowFilter.ALL, now=now),
        lambda actor: sign_off(actor=actor, review=review, name="N", now=now),
        lambda actor: set_schedule(actor=actor, account=cast.acme, every="yearly", now=now),
    )
    expected: tuple[tuple[Actor, type[Problem], int], ...] = (
        (cast.as_bob, NotPermitted, 0), (cast.as_charlie, NotFound, 0), (from_portal, NotPermitted, 0),
        (OPERATOR, NotPermitted, 4),
    )  # fmt: skip
    for actor, problem, allowed in expected:
        for each in acts[allowed:]:
            with pytest.raises(problem):
                each(actor)
    with pytest.raises(NotFound):
        find_review(review.pk, actor=cast.as_charlie, account=cast.globex)
    with pytest.raises(NotFound):
        find_review("no id", actor=cast.as_alice)
    for row_id in ("x", "9" * 30, 10**12):
        with pytest.raises(NotFound):
            decide(actor=cast.as_alice, review=review, row_id=row_id, decision="keep", now=now)


def started_by_charlie(cast: Cast, now: datetime) -> AccessReview:
    return start_review(actor=cast.as_charlie, account=cast.globex, now=now)


def test_schedule_starts_a_review_and_reminds_once(cast: Cast, now: datetime) -> None:
    made(cast, now, "Power BI", expires="300d")
    with pytest.raises(Invalid):
        set_schedule(actor=cast.as_alice, account=cast.acme, every="daily", now=now)
    set_schedule(actor=cast.as_alice, account=cast.acme, every="quarterly", now=now)
    due = months_after(now, 3)
    assert set_schedule(actor=cast.as_alice, account=cast.acme, every="quarterly", now=due).next_at == due
    OwedMail.objects.all().delete()
    assert start_due(now=due - DAY) == 0
    assert start_due(now=due) == 1
    review = AccessReview.objects.get()
    assert (review.started_by_label, review.rows.count()) == ("schedule for access reviews", 3)
    assert ReviewSchedule.objects.get().next_at == months_after(due, 3)
    assert start_due(now=due + 22 * DAY) == 0
    assert start_due(now=review.due_at) == 1
    assert start_due(now=review.due_at) == 0
    told = [
        (mail.recipient, mail.facts["is_reminder"], mail.facts["count"]) for mail in OwedMail.objects.order_by("pk")
    ]
    assert told == [("alice@acme.example", False, 3), ("alice@acme.example", True, 3)]
    # The open review shows what the next would.
    assert start_due(now=months_after(due, 3)) == 0
    assert AccessReview.objects.count() == 1
    set_schedule(actor=cast.as_alice, account=cast.acme, every="off", now=due)
    assert ReviewSchedule.objects.get().next_at is None


def test_signed_off_review_and_closed_account_get_no_email(cast: Cast, now: datetime) -> None:
    review = started(cast, now)
    keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.ALL, now=now)
    sign_off(actor=cast.as_alice, review=review, name="Alice", now=now)
    set_schedule(actor=cast.as_charlie, account=cast.globex, every="quarterly", now=now)
    cast.globex.closed_at = now
    cast.globex.save()
    assert start_due(now=now + 400 * DAY) == 0
    assert OwedMail.objects.filter(kind="access_review_due").count() == 0


def test_months_end_where_the_month_ends() -> None:
    assert months_after(datetime(2026, 11, 30, 9, tzinfo=UTC), 3) == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert months_after(datetime(2026, 12, 1, tzinfo=UTC), 12) == datetime(2027, 12, 1, tzinfo=UTC)


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_worker_that_ends_in_the_middle_leaves_nothing_half(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_schedule(actor=cast.as_alice, account=cast.acme, every="yearly", now=now)
    due, owe_emails = months_after(now, 12), schedule.owe_emails

    def end_after_owing(*args: Any, **facts: Any) -> None:
        owe_emails(*args, **facts)
        raise SystemExit

    for moment, left in ((due, (0, 0)), (due + 30 * DAY, (1, 1))):
        with monkeypatch.context() as interrupted:
            interrupted.setattr(schedule, "owe_emails", end_after_owing)
            with pytest.raises(SystemExit):
                start_due(now=moment)
        assert (AccessReview.objects.count(), OwedMail.objects.filter(kind="access_review_due").count()) == left
        assert start_due(now=moment) == 1
        assert start_due(now=moment) == 0
    assert OwedMail.objects.filter(kind="access_review_due").count() == 2


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_two_workers_start_and_remind_once(cast: Cast, now: datetime) -> None:
    set_schedule(actor=cast.as_alice, account=cast.acme, every="yearly", now=now)
    for moment in (months_after(now, 12), months_after(now, 13)):
        assert race(*(lambda moment=moment: start_due(now=moment) for _ in range(4))) == ["done"] * 4
    assert AccessReview.objects.count() == 1
    assert OwedMail.objects.filter(kind="access_review_due").count() == 2


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_sign_off_and_a_decision_at_the_same_moment_agree(cast: Cast, now: datetime) -> None:
    made(cast, now, "Power BI")
    review = started(cast, now)
    keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.ALL, now=now)
    race(
        lambda: sign_off(actor=cast.as_alice, review=review, name="Alice", now=now),
        lambda: act(cast, review, "Power BI", "shorten", now, expires="5d"),
    )
    signed = AccessReview.objects.get()
    file = json.loads(export_review(actor=cast.as_alice, review=signed, form=FileFormat.JSON, now=now))
    assert fingerprint_of(file) == signed.fingerprint


def test_review_from_the_console(cast: Cast, now: datetime) -> None:
    for number in range(30):
        made(cast, now, f"Token {number:02}")
    alice, pages = sign_in(cast.alice), f"/accounts/{cast.acme.pk}/access-reviews/"
    assert "No review is under way" in text_of(alice.get(pages))
    assert "The schedule was saved" in text_of(
        alice.post(pages, {"press": "schedule", "every": "quarterly"}, follow=True)
    )
    assert alice.post(pages, {"press": "schedule", "every": "daily"}).status_code == 404
    begun = alice.post(pages, {"press": "start"}, follow=True)
    review = AccessReview.objects.get()
    page = f"{pages}{review.pk}/"
    assert "32 of 32" in text_of(begun)
    assert "Token 24" in text_of(begun)
    assert "Token 25" not in text_of(begun)
    assert "Token 25" in text_of(alice.get(page, {"page": "2"}))
    first, second, third = review.rows.order_by("pk")[:3]
    answer = alice.post(f"{page}?rows=open", {"press": "keep", "row": first.pk, "note": "Nightly"}, follow=True)
    assert answer.request["QUERY_STRING"] == "rows=open"
    assert "Nightly" not in text_of(answer)
    refused = alice.post(page, {"press": "shorten", "row": second.pk, "expires": "2090-01-31"})
    assert (refused.status_code, "Nothing was decided" in text_of(refused)) == (422, True)
    entered = alice.post(page, {"press": "keep", "row": second.pk, "expires": f"{now + 9 * DAY:%Y-%m-%d}"})
    assert (entered.status_code, "to end the token earlier, choose Shorten" in text_of(entered)) == (422, True)
    alice.post(page, {"press": "shorten", "row": second.pk, "expires": f"{now + 9 * DAY:%Y-%m-%d}"})
    alice.post(page, {"press": "revoke", "row": third.pk, "reason": "no_longer_needed"})
    assert Token.objects.get(name=third.name).status(now) == Status.REVOKED
    assert alice.get(f"{page}sign-off/").status_code == 302
    assert alice.post(f"{page}sign-off/", {"name": "Alice"}, follow=True).status_code == 200
    assert alice.post(f"{page}?rows=never_used", {"press": "keep_all", "note": "x" * 201}).status_code == 422
    assert "27 entries are kept" in text_of(alice.post(f"{page}?rows=never_used", {"press": "keep_all"}, follow=True))
    assert "2 entries are kept" in text_of(alice.post(page, {"press": "keep_all"}, follow=True))
    assert "Kept: 30. Shortened: 1. Revoked: 1" in text_of(alice.get(f"{page}sign-off/"))
    assert alice.post(f"{page}sign-off/", {"name": " "}).status_code == 422
    signed = text_of(alice.post(f"{page}sign-off/", {"name": "Alice Liddell"}, follow=True))
    assert "Signed off by Alice Liddell" in signed
    assert "Keep" not in signed.replace("Kept", "")
    assert "Alice Liddell" in text_of(alice.get(pages))
    file = json.loads(alice.get(f"{page}export/", {"format": "json"}).content)
    assert fingerprint_of(file) == AccessReview.objects.get().fingerprint
    assert alice.get(f"{page}export/", {"format": "csv"})["Content-Type"].startswith("text/csv")
    assert alice.get(f"{page}export/", {"format": "pdf"}).status_code == 404


def test_sign_off_asks_for_the_password_again(cast: Cast, now: datetime) -> None:
    review = started(cast, now)
    keep_rows(actor=cast.as_alice, review=review, chosen=RowFilter.ALL, now=now)
    alice = sign_in(cast.alice)
    session = alice.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 86_400
    session.save()
    answer = alice.post(f"/accounts/{cast.acme.pk}/access-reviews/{review.pk}/sign-off/", {"name": "Alice"})
    assert "reauthenticate" in answer["Location"]
    assert AccessReview.objects.get().signed_off_at is None


def test_review_from_a_program_and_the_command_line(cast: Cast, now: datetime, simsim: Simsim, tmp_path: Path) -> None:
    made(cast, now, "Power BI")
    made(cast, now, "Old")
    program, pages = program_of_alice(cast, now, Scope.READ, Scope.TOKENS), f"/accounts/{cast.acme.pk}/access-reviews"
    account, alice = ("--account", str(cast.acme.pk)), ("--as", "alice@acme.example")
    begun = program.post(pages, {}).json()
    page = f"{pages}/{begun['id']}"
    assert (begun["rows"], begun["open"], begun["fingerprint"]) == (5, 5, None)
    assert program.post(pages, {}).json()["type"].endswith("#review-under-way")
    listed = program.get(f"{page}/rows?rows=never_used&limit=1").json()
    following = program.get(f"{page}/rows?rows=never_used&limit=1&cursor={listed['next_cursor']}").json()
    assert [listed["items"][0]["name"], following["items"][0]["name"]] == ["Old", "Power BI"]
    decided = program.post(
        f"{page}/rows/{listed['items'][0]['id']}/decision", {"decision": "revoke", "reason": "no_longer_needed"}
    ).json()
    assert (decided["decision"], Token.objects.get(name="Old").status(now)) == ("revoke", Status.REVOKED)
    rows = simsim("access-review", "rows", begun["id"], "--rows", "open")["items"]
    shorter = simsim(
        "access-review", "decide", begun["id"], rows[0]["id"], *alice, "--decision", "shorten", "--expires", "9d"
    )
    assert shorter["new_expires_at"] < rows[0]["expires_at"]
    assert simsim("access-review", "keep", begun["id"], *alice, "--rows", "people")["kept"] == 2
    assert program.post(f"{page}/keep", {"rows": "all"}).json() == {"kept": 1}
    assert program.get(page).json()["open"] == 0
    assert program.post(f"{page}/sign-off", {"name": "A program"}).status_code == 403
    signed = simsim("access-review", "sign-off", begun["id"], *alice, "--name", "Alice Liddell")
    assert simsim("access-review", "show", begun["id"]) == signed
    assert simsim("access-review", "list", *account)["items"] == program.get(pages).json()["items"] == [signed]
    whole = b"".join(program.get(f"{page}/export").streaming_content)
    file = tmp_path / "review.json"
    file.write_bytes(whole)
    assert simsim("access-review", "check", str(file))["fingerprint"] == signed["fingerprint"]
    changed = json.loads(whole)
    changed["rows"][0]["decision"] = "keep"
    for text in (json.dumps(changed), json.dumps(changed | {"fingerprint": fingerprint_of(changed)}), "[]", "no JSON"):
        file.write_text(text, encoding="utf-8")
        assert "file" in simsim("access-review", "check", str(file), fails=4)
    assert simsim("access-review", "export", begun["id"])["fingerprint"] == signed["fingerprint"]
    assert simsim("access-review", "set-schedule", *account, *alice, "--every", "yearly")["every"] == "yearly"
    address = f"/accounts/{cast.acme.pk}/access-review-schedule"
    assert program.send("PUT", address, {"every": "off"}).json() == {"every": "off", "next_at": None}
    assert simsim("access-review", "schedule", *account) == program.get(address).json()
    assert simsim("access-review", "start", *account, *alice)["rows"] == 4
    assert "no-such" in simsim("access-review", "show", "no-such", fails=3)
