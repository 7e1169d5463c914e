"""The worker's clock: it believes a jump once the jump has lasted, and time advances meanwhile."""

from datetime import UTC, datetime

import pytest

from simsim.operations.wall_clock import HOLD_SECONDS, JUMP_SECONDS, WallClock

pytestmark = pytest.mark.covers("R9", "R17")
BEGAN = 1_800_000_000.0
MONTH = 31 * 86_400.0


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.boot, self.offset = 1000.0, BEGAN - 1000.0
        self.clock = WallClock(lambda: self.boot + self.offset, lambda: self.boot)

    def after(self, seconds: float, jump: float = 0.0) -> float:
        """Advance the machine's clocks; return how far the believed clock has advanced since the beginning."""
        self.boot += seconds
        self.offset += jump
        return (self.clock.now() - datetime.fromtimestamp(BEGAN, UTC)).total_seconds()


@pytest.mark.parametrize("jump", [MONTH, -MONTH, JUMP_SECONDS + 1])
def test_time_advances_evenly_through_a_jump_that_does_not_last(jump: float) -> None:
    machine = Machine()
    assert machine.after(10) == 10
    assert machine.after(5, jump) == 15
    assert machine.clock.jump_seconds == pytest.approx(jump)
    assert machine.after(4) == 19
    assert machine.after(1, -jump) == 20
    assert machine.clock.jump_seconds == 0
    assert machine.after(HOLD_SECONDS) == 20 + HOLD_SECONDS


@pytest.mark.parametrize("jump", [MONTH, -MONTH])
def test_jump_that_lasts_is_believed_and_logged(jump: float, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.after(10, jump)
    assert machine.after(HOLD_SECONDS - 1) == HOLD_SECONDS + 9
    assert machine.after(1) == HOLD_SECONDS + 10 + jump
    assert machine.clock.jump_seconds == 0
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_clock_that_keeps_jumping_is_not_believed() -> None:
    machine = Machine()
    for nth in range(1, 20):
        assert machine.after(HOLD_SECONDS / 2, MONTH) == nth * HOLD_SECONDS / 2


def test_small_steps_like_those_of_ntp_are_followed() -> None:
    machine = Machine()
    assert machine.after(60, 0.5) == 60.5
    assert machine.after(60, -JUMP_SECONDS + 1) == pytest.approx(120.5 - JUMP_SECONDS + 1)
