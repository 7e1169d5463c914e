"""Keeps what was unwrapped, so that a process asks the service once for each key, and not at all while it serves."""

import threading
import time
from collections.abc import Callable, Sequence

from simsim.key_wrappers.key_texts import KEY_BYTES, TOKEN_KEYS, KeyWrapper, Plain, service
from simsim.problem import Unusable

# Each caller would wait for the timeout, one after the other, if every one of them asked a service that is down.
SILENCE_SECONDS = 30.0
SHOWN_CHARACTERS = 24


class KeyMemory:
    """The wrapper of the settings, if any, and the keys that it has unwrapped. Threads may share it.

    `name` is the service's name in SIMSIM_KEY_WRAPPER, "" for none. Plain keys can always be read, so that a
    key file can be wrapped after the service is set up.
    """

    def __init__(self, name: str = "", wrapper: KeyWrapper | None = None, clock: Callable[[], float] = time.monotonic):
        self.name = name
        self._wrapper = wrapper or Plain()
        self._clock = clock
        self._keys: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._failure = ""
        self._silent_until = float("-inf")

    def wrap_all(self, keys: Sequence[bytes]) -> str:
        """Return the keys as a list for a file or a setting; raise Unusable if the service doesn't wrap one."""
        return ",".join(self._wrap(key) for key in keys)

    def unwrap_all(self, texts: Sequence[str]) -> list[bytes]:
        """Return the keys of such a list; raise Unusable if one can't be unwrapped."""
        with self._lock:
            return [self._known(text) for text in texts]

    def _wrap(self, key: bytes) -> str:
        try:
            text = self._wrapper.wrap(key)
            # Prove it before a file holds nothing else: a key that can't be unwrapped is a lost key.
            is_same = self._wrapper.unwrap(text) == key
        except Unusable as problem:
            raise Unusable("SIMSIM_KEY_WRAPPER: a key can't be wrapped: %(why)s", why=str(problem)) from problem
        if not is_same:
            raise Unusable("SIMSIM_KEY_WRAPPER: %(name)s gives back another key than it was given", name=self.name)
        self._keys[text] = key
        return text

    def _known(self, text: str) -> bytes:
        if (key := self._keys.get(text)) is None:
            key = self._keys[text] = self._unwrapped(text) if service(text) else Plain().unwrap(text)
        return key

    def _unwrapped(self, text: str) -> bytes:
        if service(text) != self.name:
            raise Unusable(
                "%(name)s: the key %(key)s is wrapped: set SIMSIM_KEY_WRAPPER=%(service)s",
                name=TOKEN_KEYS, key=shown(text), service=service(text),
            )  # fmt: skip
        if self._clock() < self._silent_until:
            raise Unusable("%(failure)s", failure=self._failure)
        try:
            return self._proven(text)
        except Unusable as problem:
            self._failure = f"{TOKEN_KEYS}: the key {shown(text)} can't be unwrapped: {problem}"
            self._silent_until = self._clock() + SILENCE_SECONDS
            raise Unusable("%(failure)s", failure=self._failure) from problem

    def _proven(self, text: str) -> bytes:
        key = self._wrapper.unwrap(text)
        if len(key) != KEY_BYTES:
            raise Unusable("it is not a key of Simsim")
        return key


def shown(text: str) -> str:
    """Return the beginning of a wrapped key, by which a person finds it in the list."""
    return f"{text[:SHOWN_CHARACTERS]}…" if len(text) > SHOWN_CHARACTERS else text
