"""How many lines could not be written, and when; kept in memory while the disk has no room."""

from typing import NamedTuple

from simsim.gate.request_id import new_request_id


class Gap(NamedTuple):
    """The number of lines lost between two times, in seconds since 1970."""

    lines: int
    began: float
    ended: float

    @classmethod
    def after(cls, earlier: "Gap | None", now: float) -> "Gap":
        """Return the gap after one more lost line."""
        return cls(1, now, now) if earlier is None else cls(earlier.lines + 1, earlier.began, now)

    def line(self) -> bytes:
        """Return the line that reports the gap. It has an id, because the first id in a file identifies the file."""
        span = f'"from":{self.began:.6f},"until":{self.ended:.6f}'
        return f'{{"id":"{new_request_id()}","gap":{self.lines},{span}}}\n'.encode()
