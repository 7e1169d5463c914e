"""Property: an address is found and replaced as a whole, and never inside a longer one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.personal_data.mentions import Mentions

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B6")]
ADDRESSES = st.from_regex(r"\A[a-z0-9._+-]{1,12}@[a-z0-9]{1,8}(\.[a-zé]{2,5}){1,2}\Z")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
EDGES = st.sampled_from(["", " ", "<", ">", "(", ")", ",", ";", ":", '"', "\n", "“", "”", ". "])
LONGER = st.text("abcxyz019_", min_size=1, max_size=5)


@given(ADDRESSES, EDGES, EDGES, TEXTS)
def test_address_is_found_and_replaced_in_any_case(address: str, before: str, after: str, text: str) -> None:
    mentions = Mentions(address)
    said = f"mailto:{before}{address.upper() if address.isascii() else address}{after}"
    for value in (said, {"a": [text, {"b": said}]}, json.dumps({"a": said})):
        assert mentions.are_in(value)
        assert not mentions.are_in(mentions.replaced(value, "erased person 0a"))
    assert mentions.replaced(said, "X") == f"mailto:{before}X{after}"


@given(ADDRESSES, LONGER)
def test_longer_address_is_somebody_elses(address: str, more: str) -> None:
    for other in (f"{more}{address}", f"{more}.{address}", f"{address}{more}", f"{address}.{more}"):
        value = {"to": [other], "text": f"Ask {other}."}
        assert not Mentions(address).are_in(value)
        assert Mentions(address).replaced(value, "X") == value


@given(ADDRESSES, TEXTS)
def test_texts_without_the_address_stay_as_they_are(address: str, text: str) -> None:
    if address not in text.lower():
        assert Mentions(address).replaced([text, 1, None, {"n": True}], "X") == [text, 1, None, {"n": True}]
