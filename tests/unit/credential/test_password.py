"""Passwords: how they are made, recognized and masked."""

import re
import zlib

import pytest

from simsim.credential import password
from simsim.credential.digest import digest


@pytest.mark.covers("B4", "R15")
def test_minted_password_has_the_documented_form_and_is_recognized() -> None:
    minted = [password.mint() for _ in range(200)]
    assert len(set(minted)) == 200
    assert all(re.search(password.PATTERN, text) and password.is_well_formed(text) for text in minted)


@pytest.mark.covers("B4")
def test_checksum_is_base62_of_the_crc32_of_what_precedes_it() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for text in (password.mint() for _ in range(50)):
        value = 0
        for character in text[-6:]:
            value = value * 62 + alphabet.index(character)
        assert value == zlib.crc32(text[:-6].encode())


@pytest.mark.covers("B4")
@pytest.mark.parametrize("position", range(53))
def test_one_changed_character_is_noticed_wherever_it_is(position: int) -> None:
    text = password.mint()
    other = "a" if text[position] != "a" else "b"
    assert not password.is_well_formed(text[:position] + other + text[position + 1 :])


@pytest.mark.covers("B4")
def test_only_a_whole_password_is_well_formed() -> None:
    text = password.mint()
    for wrong in ("", text[:-1], text + "a", text + "\n", " " + text, text.upper(), text[:-1] + "é", "x" * 53):
        assert not password.is_well_formed(wrong)


@pytest.mark.covers("R17")
@pytest.mark.parametrize("frame", ["%s", "/x/%s/y", "a%s", "%szz", "/?p=%s&q=1", "Tried %s, then\n%s"])
def test_passwords_are_masked_wherever_they_stand(frame: str) -> None:
    text = password.mint()
    masked = password.mask(frame.replace("%s", text))
    assert text not in masked
    assert text[4:] not in masked
    assert password.MASKED in masked


@pytest.mark.covers("R17")
def test_a_percent_encoded_password_is_masked_too() -> None:
    text = password.mint()
    for spelling in (text.replace("_", "%5F"), text.replace("_", "%5f"), text.upper()):
        assert password.mask(f"/a/{spelling}") == "/a/sim_***"


def test_other_texts_are_left_as_they_are() -> None:
    for text in ("", "/api/v2/entities", "/simple", "sim_short", "similar_" + "a" * 60):
        assert password.mask(text) == text


@pytest.mark.covers("R15")
def test_digest_is_32_bytes_and_not_the_bare_hash() -> None:
    import hashlib

    text = password.mint()
    assert len(digest(text)) == 32
    assert digest(text) == digest(text)
    assert digest(text) != digest(password.mint())
    assert digest(text) != hashlib.sha256(text.encode()).digest()


@pytest.mark.covers("B4", "R17")
def test_whole_passwords_are_found_in_whatever_was_pasted() -> None:
    one, other = password.mint(), password.mint()
    assert password.whole_ones(f"  password = '{one}'; other: {other}\n") == [one, other]
    assert password.whole_ones(f"{one}x {one[:-1]} x{one} sim_{'a' * 49} sales report") == []


@pytest.mark.covers("B4", "R17")
def test_text_that_looks_like_a_password_or_a_part_of_one_is_told_from_words() -> None:
    minted = password.mint()
    assert all(password.holds_one(text) for text in (minted, f"see {minted}", minted[:-1], minted[:30]))
    assert not any(password.holds_one(text) for text in ("", "sim", "sim_", "sim_cards", "Sales report", "a1B2"))


@pytest.mark.covers("R14")
def test_end_of_a_password_is_its_last_four_characters() -> None:
    minted = password.mint()
    assert minted.endswith(password.end_of(minted))
    assert len(password.end_of(minted)) == 4
