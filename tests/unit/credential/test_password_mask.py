"""Passwords are masked in every spelling of careless and hostile callers; other texts stay as they are."""

import base64
import time
import uuid
from collections.abc import Callable

import pytest

from simsim.credential import password

pytestmark = pytest.mark.covers("R17")
ACCOUNT = "6f1c2b1e-8c4e-4b0a-9d59-3a3a1f0f7c11"
SECRET = password.mint()


def escaped(text: str, times: int = 1) -> str:
    for _ in range(times):
        text = "".join(f"%{byte:02x}" for byte in text.encode())
    return text


SPELLINGS: dict[str, Callable[[str], str]] = {
    "one letter escaped": lambda secret: "%73" + secret[1:],
    "one letter of the tail escaped": lambda secret: secret[:9] + escaped(secret[9]) + secret[10:],
    "escaped whole": escaped,
    "escaped in capitals": lambda secret: escaped(secret).upper().replace("SIM", "sim"),
    "escaped twice": lambda secret: escaped(secret, 2),
    "escaped three times": lambda secret: escaped(secret, 3),
    "its percent sign escaped nine times": lambda secret: "%" + "25" * 9 + "73" + secret[1:],
    "percent and hexadecimal escaped in turn": lambda secret: "%25%37%33" + secret[1:],
    "the pair": lambda secret: f"{ACCOUNT}:{secret}",
    "the pair, its colon escaped": lambda secret: f"{ACCOUNT}%3A{secret}",
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 with escaped padding": lambda secret: base64.b64encode(secret.encode()).decode().replace("=", "%3D"),
    "base64 of the pair": lambda secret: base64.b64encode(f"{ACCOUNT}:{secret}".encode()).decode(),
    "base64 of the pair, escaped": lambda secret: escaped(base64.b64encode(f"{ACCOUNT}:{secret}".encode()).decode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_of_a_password_is_masked(spelling: Callable[[str], str]) -> None:
    masked = password.mask(f"/api/{spelling(SECRET)}/x")
    assert masked.startswith("/api/")
    assert masked.endswith("sim_***/x")
    assert len(masked) <= len(f"/api/{ACCOUNT}%3Asim_***/x")


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_at_each_of_its_three_alignments(before: int, encode: Callable[[bytes], bytes]) -> None:
    for _ in range(50):
        pair = f"{'x' * before}{uuid.uuid4()}:{password.mint()}".encode()
        assert password.mask(f"/a/{encode(pair).decode()}/b") == "/a/sim_***/b"


@pytest.mark.parametrize("length", [20, 26, 30, 40, 52])
def test_a_part_of_a_password_is_masked_and_so_is_its_other_half(length: int) -> None:
    kept = password.mask(f"/one/{SECRET[:length]}/two/{SECRET[length:]}")
    assert SECRET[:length] not in kept
    assert SECRET[:length][4:] not in kept
    assert kept.startswith("/one/sim_***/two/")
    if length <= 30:
        assert SECRET[length:] not in kept


def test_endless_escapes_stop_the_decoding_and_show_no_password() -> None:
    assert SECRET[4:] not in password.mask(escaped(SECRET, 6))


@pytest.mark.parametrize(
    "text",
    [
        "/sim_cards", "/sim_status2", "/sim_activationrequests", "/SIM_ACTIVATIONREQUESTS", "/sim_CardId/7", "/sim_A1",
        "/Z%C3%BCrich/%E4%BD%A0%20x?", "/50%25/x", "/a%2Fb", "/%41%42", "/files/0ujsswThIGTUYm2K8FjOOfXtY1K",
        "/simulation/0ujsswThIGTUYm2K8FjOOfXtY1K", "/c2ltX", "/aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=",
    ],
)  # fmt: skip
def test_other_texts_keep_their_spelling(text: str) -> None:
    assert password.mask(text) == text


@pytest.mark.parametrize(
    "text", ["%25" * 1365, "%2525" * 819, "%" * 4096, "a%61" * 1024, "sim_A1a" * 585, "A1a" * 1365]
)
def test_no_path_makes_masking_slow(text: str) -> None:
    began = time.process_time()
    for _ in range(10):
        password.mask(f"{text}c2ltX")
    assert (time.process_time() - began) / 10 < 0.02
