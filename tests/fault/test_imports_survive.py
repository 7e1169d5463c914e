"""An import of credentials that is killed leaves nothing half, and goes on without doing anything twice."""

import pytest

from credential_files import importing, kill_again_and_again, left_behind, reasons, write_digests
from restore_drill import begun
from settings_for_tests import ON_POSTGRESQL
from simsim.credential.decision import Reason

DIGESTS = 1500


@pytest.mark.covers("B7")
def test_import_that_is_killed_goes_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("import")
    drill = begun(directory, on_postgresql=ON_POSTGRESQL)
    file = write_digests(directory / "credentials.csv", "killed", DIGESTS)
    kill_again_and_again(drill, file, kills=3, longest=2.5)
    for _ in range(2):
        with importing(drill, file) as running:
            assert running.wait(60) == 0
        assert left_behind(drill) == [DIGESTS, DIGESTS, DIGESTS, 1]
    assert reasons(drill, "killed", range(0, DIGESTS, 50)) == {Reason.OK}
    assert reasons(drill, "stranger", [1]) == {Reason.UNKNOWN_CREDENTIALS}
