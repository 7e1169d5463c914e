"""A stream of events across connections: where the last one ended, and when to ask for the rest. Does no I/O."""

from dataclasses import replace

from httpx2 import ServerSentEvent

from simsim.client.errors import NoAnswer, Refused, SimsimError
from simsim.client.exchange import Request, may_pass
from simsim.client.retries import Retries

PAUSE_SECONDS = 2.0


class FollowedStream:
    """One stream. It goes on until its caller stops, or the server refuses to continue."""

    def __init__(self, request: Request, policy: Retries) -> None:
        self._request, self._policy = request, policy
        self._last_id = request.last_event_id
        self._pause_seconds = PAUSE_SECONDS
        self._failures = 0

    @property
    def request(self) -> Request:
        """The request for everything after the last event."""
        return replace(self._request, last_event_id=self._last_id)

    def take(self, event: ServerSentEvent) -> bool:
        """Remember where the stream is; return whether this is an event, which has data, and no mark."""
        self._failures = 0
        self._last_id = event.id or self._last_id
        if event.retry is not None:
            self._pause_seconds = min(event.retry / 1000, self._policy.max_pause_seconds)
        return bool(event.data)

    def pause_after_end(self) -> float:
        """Return the seconds to wait before the stream is continued."""
        return self._pause_seconds

    def pause_after(self, failure: SimsimError) -> float:
        """Return the seconds to wait before the stream is continued; raise the failure if it can't be."""
        self._failures += 1
        waited = failure.retry_after_seconds if isinstance(failure, Refused) else None
        is_temporary = (
            may_pass(self._request, failure) if isinstance(failure, Refused) else isinstance(failure, NoAnswer)
        )
        pause = self._policy.pause(self._failures, waited) if is_temporary else None
        if pause is None:
            raise failure
        return pause
