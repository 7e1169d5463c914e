"""Which change of an allowlist needs recent authentication."""

import pytest

from simsim.tokens.models import Token
from simsim.tokens.rules import needs_recent_authentication


@pytest.mark.parametrize(
    ("wanted", "report_only", "needed"),
    [
        (["10.0.0.0/30"], False, False),
        (["10.0.0.0/24"], False, False),
        (["10.0.0.1 - 10.0.0.9"], False, False),
        (["10.0.0.0/24", "10.0.1.1"], False, True),
        (["10.0.0.0/24", "10.0.0.9 - 10.0.1.1"], False, True),
        (["::/0"], False, True),
        ([""], False, True),
        (["10.0.0.0/30"], True, True),
        (["10.0.1.1", "no network"], False, False),  # is not saved
    ],
)
def test_only_a_list_that_lets_in_more_needs_recent_authentication(
    wanted: list[str], report_only: bool, needed: bool
) -> None:
    token = Token(allowed_networks=["10.0.0.0/24"])
    assert needs_recent_authentication(token, wanted, [], report_only=report_only) == needed


def test_a_token_without_limits_can_be_changed_freely() -> None:
    assert not needs_recent_authentication(Token(allowed_networks=[]), ["10.0.0.1"], ["GET /**"], report_only=False)
    reporting = Token(allowed_networks=["10.0.0.1"], report_only=True)
    assert not needs_recent_authentication(reporting, ["10.0.0.2"], [], report_only=True)


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("wanted", "report_only", "needed"),
    [
        (["GET /api/**"], False, False),
        (["GET /api/orders/*", "GET /api/x"], False, False),
        (["GET,POST /api/**"], False, True),
        (["GET /**"], False, True),
        (["/api/**"], False, True),
        ([], False, True),
        ([" "], False, True),
        (["GET /api/**"], True, True),
        (["GET /api/../x"], False, False),  # is not saved
    ],
)
def test_only_limits_that_allow_more_need_recent_authentication(
    wanted: list[str], report_only: bool, needed: bool
) -> None:
    token = Token(limits="GET /api/**\nPOST /api/orders")
    assert needs_recent_authentication(token, [], wanted, report_only=report_only) == needed
