"""Sealed texts open with their own secret and purpose only."""

import pytest

from simsim.sealed_text import seal, unseal

pytestmark = pytest.mark.covers("R11")


def test_sealed_text_opens_with_its_secret_and_purpose_only() -> None:
    sealed = seal("a key for codes", secret="s" * 32, purpose="second-factor")
    assert "key" not in sealed
    assert unseal(sealed, secret="s" * 32, purpose="second-factor") == "a key for codes"
    assert unseal(sealed, secret="t" * 32, purpose="second-factor") is None
    assert unseal(sealed, secret="s" * 32, purpose="session") is None
    assert seal("a key for codes", secret="s" * 32, purpose="second-factor") != sealed


@pytest.mark.parametrize("text", ["", "plain", "ünlesbar", "AAAA" * 20])
def test_text_that_was_not_sealed_does_not_open(text: str) -> None:
    assert unseal(text, secret="s" * 32, purpose="session") is None
