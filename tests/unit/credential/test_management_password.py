"""Passwords of management tokens have a form of their own, with the same checksum."""

from collections.abc import Callable

import pytest

from simsim.credential import management_password, password


def test_minted_password_has_the_form_and_is_no_password_of_a_token() -> None:
    minted = management_password.mint()
    assert minted.startswith("simm_")
    assert management_password.is_well_formed(minted)
    assert not password.is_well_formed(minted)
    assert management_password.mint() != minted


CHANGES: list[Callable[[str], str]] = [
    lambda text: text[:-1],
    lambda text: text + "0",
    lambda text: "sim_" + text[5:],
    lambda text: text[:-1] + ("1" if text[-1] != "1" else "2"),
    lambda _: "",
]


@pytest.mark.parametrize("change", CHANGES)
def test_anything_else_is_refused(change: Callable[[str], str]) -> None:
    assert not management_password.is_well_formed(change(management_password.mint()))
