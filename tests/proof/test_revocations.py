"""Two hundred tokens are revoked while they are used, on both databases."""

from pathlib import Path

import pytest

from revocations import prove_revocations
from stack import running

REVOCATIONS = 200


@pytest.mark.timeout(900)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_no_request_that_begins_after_the_revocation_returned_is_accepted(on_postgresql: bool, tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=on_postgresql) as stack:
        prove_revocations(stack, REVOCATIONS)
