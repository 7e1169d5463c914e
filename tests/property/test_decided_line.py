"""The decided line is one line of JSON with the client's values, for anything that a client sends."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.decision import OK, Record
from simsim.gate.decided_line import MAX_METHOD_CHARACTERS, MAX_PATH_CHARACTERS, decided_line, frame

RECORD = Record("t", "a", "", b"", datetime.max.replace(tzinfo=UTC), False, b"", None)


@pytest.mark.covers("R17")
@given(
    st.text(),
    st.text(max_size=60),
    st.text(),
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_line_is_one_json_object_for_any_texts(name: str, method: str, target: str, now: datetime) -> None:
    framed = frame(OK, account=None, record=RECORD._replace(name=name), address=None)
    line = decided_line("0" * 32, now.timestamp(), framed, method=method, target=target)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    said = json.loads(line)
    assert (said["name"], said["method"]) == (name, method[:MAX_METHOD_CHARACTERS])
    assert said["path"] == target.partition("?")[0][:MAX_PATH_CHARACTERS]
    assert abs(said["at"] - now.timestamp()) < 1e-5
