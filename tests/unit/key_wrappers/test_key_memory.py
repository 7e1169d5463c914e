"""A process asks the service once for each key, and says plainly why a key can't be had."""

import base64
from collections.abc import Callable

import pytest

from simsim.key_wrappers import key_texts
from simsim.key_wrappers.key_memory import SILENCE_SECONDS, KeyMemory
from simsim.key_wrappers.key_texts import Plain
from simsim.problem import Unusable

FIRST, SECOND = b"1" * 32, b"2" * 32
PLAIN = Plain().wrap(FIRST)


class Service:
    """The far end: wraps by reversing, counts what it is asked, and may be down."""

    def __init__(self, spoil: Callable[[bytes], bytes] = bytes) -> None:
        self.asked, self.is_down, self.spoil = 0, False, spoil

    def wrap(self, key: bytes) -> str:
        return "vault:" + base64.b64encode(key[::-1]).decode()

    def unwrap(self, text: str) -> bytes:
        self.asked += 1
        if self.is_down:
            raise Unusable("https://vault.example can't be reached (100 % loss)")
        return self.spoil(base64.b64decode(text.removeprefix("vault:"))[::-1])


def test_service_is_asked_once_for_each_key() -> None:
    service = Service()
    texts = [service.wrap(FIRST), service.wrap(SECOND)]
    memory = KeyMemory("vault", service)
    for _ in range(3):
        assert memory.unwrap_all(texts) == [FIRST, SECOND]
    assert service.asked == 2
    service.is_down = True
    assert memory.unwrap_all(texts[::-1]) == [SECOND, FIRST]


def test_service_that_is_down_is_not_asked_by_every_caller() -> None:
    service, now = Service(), 0.0
    memory = KeyMemory("vault", service, clock=lambda: now)
    service.is_down = True
    for _ in range(3):
        with pytest.raises(Unusable, match=r"SIMSIM_TOKEN_KEYS: the key vault:\S+… can't be unwrapped: .*100 % loss"):
            memory.unwrap_all([service.wrap(FIRST)])
    assert service.asked == 1
    service.is_down, now = False, SILENCE_SECONDS
    assert memory.unwrap_all([service.wrap(FIRST)]) == [FIRST]


def test_keys_that_were_wrapped_are_remembered_and_proven() -> None:
    service = Service()
    memory = KeyMemory("vault", service)
    written = memory.wrap_all([FIRST, SECOND])
    assert (key_texts.split(written), service.asked) == ([service.wrap(FIRST), service.wrap(SECOND)], 2)
    assert (memory.unwrap_all(key_texts.split(written)), service.asked) == ([FIRST, SECOND], 2)
    service.is_down = True
    with pytest.raises(Unusable, match=r"SIMSIM_KEY_WRAPPER: a key can't be wrapped: https://vault\.example can't be"):
        memory.wrap_all([FIRST])
    with pytest.raises(Unusable, match="SIMSIM_KEY_WRAPPER: vault gives back another key"):
        KeyMemory("vault", Service(lambda key: key[1:] + b"0")).wrap_all([FIRST])


def test_plain_keys_can_be_read_beside_wrapped_ones() -> None:
    service = Service()
    assert KeyMemory("vault", service).unwrap_all([service.wrap(SECOND), PLAIN]) == [SECOND, FIRST]
    assert KeyMemory().unwrap_all([PLAIN]) == [FIRST]
    assert KeyMemory().wrap_all([FIRST]) == PLAIN


@pytest.mark.parametrize("memory", [KeyMemory(), KeyMemory("aws-kms", Service())])
def test_key_of_a_service_that_is_not_set_is_named(memory: KeyMemory) -> None:
    with pytest.raises(Unusable, match=r"the key vault:MTEx\S+… is wrapped: set SIMSIM_KEY_WRAPPER=vault"):
        memory.unwrap_all([Service().wrap(FIRST)])


def test_what_is_unwrapped_must_be_a_key() -> None:
    with pytest.raises(Unusable, match="it is not a key of Simsim"):
        KeyMemory("vault", Service(lambda key: key[1:])).unwrap_all([Service().wrap(FIRST)])


@pytest.mark.parametrize("text", ["", " , ", "short", "gcp:abcd", "vault", f"{PLAIN},é", f"{PLAIN}A"])
def test_text_that_is_no_list_of_keys_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="SIMSIM_TOKEN_KEYS"):
        key_texts.split(text)


def test_no_key_is_in_the_error() -> None:
    with pytest.raises(Unusable) as caught:
        key_texts.split(f"{PLAIN}A")
    assert PLAIN not in str(caught.value)
