"""The output of verbs: for scripts, for pipes, and for people at a terminal."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from simsim.account_log.time_filters import parse_moment
from simsim.operations.output import cell, print_list, print_one
from simsim.operations.spans import parse_span
from simsim.problem import Invalid
from simsim.tokens.rules import parse_expiry

ITEMS = [{"id": "1", "name": "[red]Ä", "at": "2027-01-31T12:34:56.789Z", "networks": ["10.0.0.0/8", "::1/128"]}]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_list_for_scripts_has_items_and_the_next_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(ITEMS, ["name"], as_json=True, cursor="next")
    assert json.loads(capsys.readouterr().out) == {"items": ITEMS, "next_cursor": "next"}


def test_list_in_a_pipe_is_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(ITEMS, ["id", "name", "at", "networks"], as_json=False, cursor="next")
    out, err = capsys.readouterr()
    assert out.splitlines()[1] == "1\t[red]Ä\t2027-01-31T12:34:56.789Z\t10.0.0.0/8, ::1/128"
    assert err == "More items follow: --cursor next\n"


def test_list_at_a_terminal_is_a_table_that_shows_markup_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    print_list(ITEMS, ["id", "name", "at"], as_json=False)
    assert "[red]Ä" in terminal.getvalue()
    assert "2027-01-31 12:34:56" in terminal.getvalue()


def test_one_object_is_printed_with_a_line_for_each_field(capsys: pytest.CaptureFixture[str]) -> None:
    print_one({"id": "1", "created_at": None}, as_json=False, note="Next: more")
    assert capsys.readouterr().out == "id          1\ncreated at  -\n\nNext: more\n"


def test_control_characters_are_replaced() -> None:
    assert cell("a\x1b[2Jb\u202ec\n") == "a\ufffd[2Jb\ufffdc\ufffd"


def test_overlap_has_a_unit() -> None:
    assert [parse_span("overlap", text) for text in ("30m", "24h", "7d", "0s")] == [
        timedelta(minutes=30), timedelta(hours=24), timedelta(days=7), timedelta(0),
    ]  # fmt: skip
    for text in ("", "24", "-1h", "1w", "٣h", "1h\n2"):
        with pytest.raises(Invalid):
            parse_span("overlap", text)


@pytest.mark.covers("R17")
def test_times_are_days_in_utc_or_have_an_offset() -> None:
    day = datetime(2027, 1, 31, tzinfo=UTC)
    assert parse_moment("since", None) is None
    assert parse_moment("since", "2027-01-31") == day
    assert parse_moment("until", "2027-01-31", through=True) == day + timedelta(days=1)
    assert parse_moment("since", "2027-01-31T01:00+01:00") == day
    for text in ("2027-01-31T12:00", "yesterday", "2027-13-01", "9999-12-31T23:59:59"):
        with pytest.raises(Invalid):
            parse_moment("since", text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2027-02-30", "There is no 30 February."),
        ("2027-02-29", "There is no 29 February 2027."),
        ("2027-04-31", "There is no 31 April."),
        ("2027-13-01", "There is no 2027-13-01."),
    ],
)
def test_impossible_day_is_named_in_the_message(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as asked:
        parse_moment("since", text)
    with pytest.raises(Invalid) as chosen:
        parse_expiry(text, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert (str(asked.value), str(chosen.value)) == (sentence, sentence)
