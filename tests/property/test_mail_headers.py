"""With any names in it, an email has only our headers, one recipient and no defect."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from unicodedata import category

import pytest
from django.conf import settings as product
from django.test import override_settings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mail_reading import Letter, letter
from mail_samples import HOSTILE_NAMES, HOSTILE_WORDS, Sample, attacked, samples
from simsim.mail.message import DIRECTIONAL, MAX_SUBJECT_LENGTH, UNWRITABLE, message, message_id, reply_to
from simsim.mail.models import OwedMail

HEADERS = ["Content-Type", "MIME-Version", "Subject", "From", "To", "Message-ID", "Date", "Auto-Submitted"]
# Letters of every kind, and thickly what ends lines, turns text round, and means something to a parser of headers.
LINE_ENDS, MARKS = "\r\n\t\0\x0b\x0c\x85\u2028\u2029", "\u200e\u200f\u202e\u2066\u2069\u061c\ufeff\u200d"
SHARP = LINE_ENDS + MARKS + ":;,<>@()[]\"'\\=?._- aé\U0001f469\ud800"
NAMES = st.one_of(
    st.text(max_size=300),
    st.text(st.sampled_from(SHARP), max_size=300),
    st.lists(st.sampled_from([*HOSTILE_NAMES, HOSTILE_WORDS, "\r\nBcc: victim@evil.example", "\n.\r\n"])).map("".join),
)
KINDS = [sample for sample in samples() if sample.kind != "ready_made"]


def proven(received: Letter, recipient: str) -> None:
    """Hold a mail to what every mail must keep."""
    parsed = received.parsed
    assert parsed.keys() == HEADERS + (["Reply-To"] if "Reply-To" in parsed else [])
    for part in parsed.walk():
        assert part.defects == []
        assert [header.defects for header in part.values()] == [() for _ in part.values()]
    assert [address.addr_spec for address in parsed["To"].addresses] == [recipient]
    assert [address.addr_spec for address in parsed["From"].addresses] == ["simsim@simsim.example"]
    assert parsed["From"].addresses[0].display_name == "Zoë’s “Simsim”"
    subject = str(parsed["Subject"])
    assert 0 < len(subject) <= MAX_SUBJECT_LENGTH
    assert not [each for each in subject if category(each) in UNWRITABLE or each in DIRECTIONAL]
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(str(parsed["Date"])) == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    lines = received.raw.split(b"\r\n")
    assert max(len(line) for line in lines) <= 998
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    assert received.raw.isascii(), "a server need not take 8-bit"


@pytest.mark.covers("R8")
@pytest.mark.parametrize("sample", KINDS, ids=lambda sample: sample.name)
@settings(max_examples=20, deadline=None)
@given(name=NAMES)
@example(name="")
@example(name="=?utf-8?q?x?=")
@example(name="\r\nBcc: victim@evil.example\r\n\r\nHello")
def test_no_name_injects_a_header_a_recipient_or_a_defect(sample: Sample, name: str) -> None:
    facts = {fact: attacked(fact, value, name) for fact, value in sample.facts.items()}
    mail = Sample(sample.kind, "", facts, sample.recipient).mail
    with override_settings(DEFAULT_FROM_EMAIL="Zoë’s “Simsim” <simsim@simsim.example>"):
        received = letter(mail)
        proven(received, sample.recipient)
        assert str(received.parsed["Subject"]) == message(mail).subject


@settings(max_examples=300, deadline=None)
@given(address=st.one_of(st.emails(), NAMES, st.emails().map(lambda one: f"{one}, victim@evil.example")))
@example(address='"a, b"@acme.example')
@example(address="bob@acme.example\r\nBcc: victim@evil.example")
def test_answer_and_mail_go_to_one_address_or_to_none(address: str) -> None:
    facts: dict[str, Any] = next(sample.facts for sample in KINDS if sample.kind == "token_requested")
    sample = Sample("token_requested", "", facts | {"reply_to": address})
    received = letter(sample.mail).parsed
    if reply_to(sample.mail):
        assert len(received["Reply-To"].addresses) == 1
        assert not received["Reply-To"].defects
    else:
        assert received["Reply-To"] is None
    try:
        sent = message(OwedMail(kind=sample.kind, recipient=address, facts=facts, dedupe="", owed_at=sample.owed_at))
    except ValueError:
        return  # the outbox says so on the row, and goes on to the next
    assert len(sent.recipients()) == 1
    assert len(sent.to) == 1


@pytest.mark.parametrize(
    "address", ['"a\x07b"@acme.example', "a@acme.example\r\nBcc: b@evil.example", "a@b.example, c@d.example"]
)
def test_address_that_is_not_one_is_refused_before_a_header_is_written(address: str) -> None:
    with pytest.raises(ValueError, match="not one email address"):
        message(Sample("token_created", "", KINDS[0].facts, recipient=address).mail)


@pytest.mark.covers("R8")
def test_repeated_mail_has_the_message_id_of_the_first_and_another_mail_has_its_own() -> None:
    one, other = (sample.mail for sample in KINDS[:2])
    assert letter(one).parsed["Message-ID"] == letter(one).parsed["Message-ID"] == message_id(one)
    assert message_id(one) != message_id(other)
    assert message_id(one).isascii()
    assert message_id(one).endswith(f"@{product.DEFAULT_FROM_EMAIL.rpartition('@')[2].strip('>')}>")
