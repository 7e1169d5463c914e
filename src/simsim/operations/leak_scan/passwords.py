"""Finds whole passwords in a stream of bytes: plain, in UTF-16, and in base64, as in an Authorization header."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simsim.credential import management_password, password

# More than the longest form in which a password is written: each is found although it may lie across two chunks.
OVERLAP = 512
_plain = re.compile(rb"simm?_[0-9A-Za-z]{49}")
# Windows writes UTF-16, in which each of these characters has a zero byte beside it.
_wide = re.compile(rb"s\0i\0m\0(?:m\0)?_\0(?:[0-9A-Za-z]\0){48}[0-9A-Za-z]")
# The beginnings as bytes, in plain text and in UTF-16.
_BEGINNINGS = ((b"sim_", b"s\0i\0m\0_\0"), (b"simm_", b"s\0i\0m\0m\0_\0"))
# They at each of the three places that they may have in a group of base64, and how far before it the group begins.
_IN_BASE64 = (
    (b"c2ltX", 0), (b"NpbV", 2), (b"zaW1f", 3), (b"c2ltbV", 0), (b"NpbW1f", 2), (b"zaW1tX", 3),
)  # fmt: skip
MAX_BEFORE = 3
# Programs wrap base64 after 64 or 76 characters.
_base64_run = re.compile(rb"[0-9A-Za-z+/_\r\n-]{71,84}")
_other_alphabet = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True)
class Leak:
    """A password, and the number of the line on which it stands, from 1."""

    line: int
    password: str = field(repr=False)


def find(chunks: Iterable[bytes]) -> Iterator[Leak]:
    """Return each whole password with a valid checksum, once a line."""
    kept, begin, line, last = b"", 0, 1, None
    for chunk, is_last in with_last(chunks):
        text = kept + chunk
        end = len(text) if is_last else max(len(text) - OVERLAP, begin)
        for start, secret in sorted(candidates(text)):
            if begin <= start < end and is_password(secret):
                line += text.count(b"\n", begin, start)
                begin = start
                if (leak := Leak(line, secret)) != last:
                    yield leak
                last = leak
        line += text.count(b"\n", begin, end)
        # A group of base64 may have begun before what is looked at next.
        begin = min(end, MAX_BEFORE)
        kept = text[end - begin :]


def candidates(text: bytes) -> Iterator[tuple[int, str]]:
    """Return where something begins that has the form of a password, and what it is."""
    for plain, wide in _BEGINNINGS:
        for literal, pattern in ((plain, _plain), (wide, _wide)):
            for start in places(text, literal):
                if found := pattern.match(text, start):
                    yield start, found[0].replace(b"\0", b"").decode("ascii")
    for literal, before in _IN_BASE64:
        for start in places(text, literal):
            if start >= before and (found := _base64_run.match(text, start - before)):
                yield from ((start, each) for each in decoded(found[0]))


def is_password(text: str) -> bool:
    """Whether the text is a token's or a management token's password, by its checksum."""
    return password.is_well_formed(text) or management_password.is_well_formed(text)


def places(text: bytes, literal: bytes) -> Iterator[int]:
    start = text.find(literal)
    while start >= 0:
        yield start
        start = text.find(literal, start + 1)


def decoded(run: bytes) -> Iterator[str]:
    """Return what has the form of a password in a run of base64 that begins with a whole group."""
    letters = run.translate(_other_alphabet, b"\r\n")
    try:
        plain = base64.b64decode(letters + b"A" * (-len(letters) % 4), validate=True)
    except binascii.Error:
        return
    if found := _plain.search(plain):
        yield found[0].decode("ascii")


def with_last(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Return the chunks, and with each whether it is the last one."""
    previous = None
    for chunk in chunks:
        if previous is not None:
            yield previous, False
        previous = chunk
    if previous is not None:
        yield previous, True
