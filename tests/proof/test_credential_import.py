"""A hundred thousand imported digests: in a minute, with revoking undisturbed, and killed again and again."""

import random
import resource
import statistics
import time

import pytest

from credential_files import importing, kill_again_and_again, left_behind, reasons, write_digests
from restore_drill import begun
from simsim.credential.decision import Reason

DIGESTS, KILLS, REVOCATIONS = 100_000, 10, 30
MAX_SECONDS, MAX_WAIT_SECONDS = 60.0, 0.1

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize("on_postgresql", [False, True], ids=["sqlite", "postgresql"])
def test_hundred_thousand_digests_come_in_whole_while_revoking_goes_on(
    tmp_path_factory: pytest.TempPathFactory, on_postgresql: bool
) -> None:
    directory = tmp_path_factory.mktemp("import")
    drill = begun(directory, on_postgresql=on_postgresql)
    drill.make_tokens(2 * REVOCATIONS)
    ids = [token["id"] for token in drill.tokens]
    quiet = drill.hand("time-revocations", ",".join(ids[:REVOCATIONS]))
    file = write_digests(directory / "whole.csv", "whole", DIGESTS)
    began, before = time.monotonic(), processor_seconds()
    with importing(drill, file) as running:
        time.sleep(10)
        busy = drill.hand("time-revocations", ",".join(ids[REVOCATIONS:]))
        assert running.wait(1800) == 0
    took = time.monotonic() - began
    print(f"\n{DIGESTS} digests in {took:.1f} s; {processor_seconds() - before:.1f} s of the processor, with revoking")
    for when, seconds in (("quiet", quiet), ("meanwhile", busy)):
        print(f"revoking, {when}: {statistics.median(seconds):.3f} s, at most {max(seconds):.3f} s")
    assert left_behind(drill) == [DIGESTS, DIGESTS, DIGESTS, 1]
    assert reasons(drill, "whole", random.Random(1).sample(range(DIGESTS), 200)) == {Reason.OK}

    file = write_digests(directory / "killed.csv", "killed", DIGESTS)
    print("killed at", kill_again_and_again(drill, file, kills=KILLS, longest=0.25 * took))
    with importing(drill, file) as running:
        assert running.wait(1800) == 0
    assert left_behind(drill) == [2 * DIGESTS, 2 * DIGESTS, 2 * DIGESTS, 2]
    assert reasons(drill, "killed", random.Random(2).sample(range(DIGESTS), 200)) == {Reason.OK}
    assert max(busy) < max(quiet) + MAX_WAIT_SECONDS
    assert took < MAX_SECONDS


def processor_seconds() -> float:
    """Return the processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
