"""How many lines could not be written, and when: kept in memory, for there was nowhere to write it down."""

from typing import NamedTuple

from simsim.gate.request_id import new_request_id


class Gap(NamedTuple):
    """So many lines were lost between two moments, in seconds of the epoch."""

    lines: int
    began: float
    ended: float

    @classmethod
    def after(cls, earlier: "Gap | None", now: float) -> "Gap":
        """Return the gap that one more lost line makes."""
        return cls(1, now, now) if earlier is None else cls(earlier.lines + 1, earlier.began, now)

    def line(self) -> bytes:
        """Return the line that tells of it, under an id of its own: a file is known by its first line with an id."""
        span = f'"from":{self.began:.6f},"until":{self.ended:.6f}'
        return f'{{"id":"{new_request_id()}","gap":{self.lines},{span}}}\n'.encode()
