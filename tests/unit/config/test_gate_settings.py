"""A gate reads its settings without pydantic, and reads what all other programs read."""

import os
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from dotenv.parser import parse_stream
from hypothesis import example, given
from hypothesis import strategies as st

from simsim.config import environment, gate_settings
from simsim.config.setting_names import LISTS, NAMES
from simsim.config.setting_sources import lines_of
from simsim.problem import Unusable

# Near to what is a value: a blank, a sign, other digits, a decimal point.
NUMBERS = st.from_regex(r"[ +-]?[0-9]{1,8}(\.0)?", fullmatch=True) | st.sampled_from(["", "x", "1_000", "٣", "1e3"])
SWITCHES = st.sampled_from(["true", "False", "ON", "off", "1", "0", "y", "NO", "t", "f", "yes", "", "maybe", "2", "✓"])
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "failures_per_address": NUMBERS,
        "failures_per_username": NUMBERS,
        "announce_expiry": SWITCHES,
        "accept_bearer": SWITCHES,
        "log_format": st.sampled_from(["text", "json", "logfmt", "JSON", "xml", ""]),
        "trusted_proxies": st.sampled_from(["", "10.0.0.1", "10.0.0.1, 10.0.1.0/24,", "0.0.0.0/0", "10.0.0.300"]),
        "database_url": st.sampled_from(
            ["", "sqlite:////tmp/x.sqlite3", "sqlite:///", "mysql://db/x", "sqlite:///a?b"]
        ),
    },
)


@dataclass(frozen=True)
class Read:
    """What both readers must agree on."""

    values: tuple[object, ...]


def as_environment() -> Read:
    found = environment.read()
    return Read((
        found.database_path, found.is_embedded, found.spool_dir, found.trusted_networks(), found.failures_per_address,
        found.failures_per_username, found.log_format, found.announce_expiry, found.accept_bearer,
    ))  # fmt: skip


def as_gate() -> Read:
    found = gate_settings.read()
    return Read((
        found.database_path, found.is_embedded, found.spool_dir, found.trusted_networks, found.failures_per_address,
        found.failures_per_username, found.log_format, found.announce_expiry, found.accept_bearer,
    ))  # fmt: skip


def test_the_names_are_those_of_all_settings() -> None:
    fields = environment.Environment.model_fields
    assert sorted(NAMES) == sorted(fields)
    assert sorted(LISTS) == sorted(name for name, field in fields.items() if "tuple" in str(field.annotation))


@given(values=GIVEN)
@example(values={})
def test_gate_reads_what_the_others_read_and_refuses_what_they_refuse(values: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
            patch.delenv(name)
        for name, value in values.items():
            patch.setenv(f"SIMSIM_{name.upper()}", value)
        try:
            wanted: Read | None = as_environment()
        except Unusable:
            wanted = None
        if wanted is None:
            with pytest.raises(Unusable):
                gate_settings.read()
        else:
            assert as_gate() == wanted


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SIMSIM_FAILURES_PER_ADDRESS", "many", "must be a number of failed requests a minute from 1 to"),
        ("SIMSIM_ACCEPT_BEARER", "perhaps", "must be true or false"),
        ("SIMSIM_LOG_FORMAT", "xml", "must be text, json or logfmt"),
    ],
)
def test_both_name_a_bad_setting_in_the_same_words(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    sentences = set()
    for read in (environment.read, gate_settings.read):
        with pytest.raises(Unusable, match=reason) as caught:
            read()
        sentences.add(str(caught.value))
    assert len(sentences) == 1


LINES = st.lists(
    st.one_of(
        st.from_regex(r"""[ \t]?[A-Z_]{1,4}[0-9]?=["']?[a-z0-9 #$'"=\\{}./:@%+,*-]{0,8}["']?""", fullmatch=True),
        st.from_regex(r"[ \t]{0,2}(#.{0,5})?", fullmatch=True),
    ),
    max_size=4,
)


@given(lines=LINES)
@example(lines=['A="b c"', "", "# d", "E='f\"g'", "H=i"])
def test_file_of_plain_lines_is_read_as_its_own_library_reads_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    wanted = [(each.key, each.value) for each in parse_stream(StringIO(text)) if each.key is not None]
    is_broken = any(each.error for each in parse_stream(StringIO(text))) or any(value is None for _, value in wanted)
    if is_broken:
        with pytest.raises(Unusable):
            list(lines_of(text, Path("simsim.env")))
    else:
        assert [(name, value) for _, name, value in lines_of(text, Path("simsim.env"))] == wanted


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    for text in ('\n# one\n\nA="1"\nB=2\n', '\n# one\n\nA="1"\nB=\\2\n'):
        assert [(number, name) for number, name, _ in lines_of(text, Path("simsim.env"))] == [(4, "A"), (5, "B")]
