"""Limits: the requests that a token may make, as rules of methods and a path pattern, such as `GET /api/v2/**`.

In a pattern, `*` stands for one segment and a final `**` for the path so far and everything below it. Rules only
allow: a request that matches none is refused. Methods and paths are compared exactly, in upper and lower case too.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from simsim.credential.allowlist import Fault
from simsim.credential.decision import (
    LIMIT_METHOD,
    LIMIT_PATH,
    LIMIT_UNCLEAR,
    OK,
    OK_BY_PREVIOUS,
    OK_BY_PREVIOUS_OUTSIDE_LIMITS,
    OK_OUTSIDE_LIMITS,
    Decision,
)
from simsim.credential.request_path import normal_path
from simsim.problem import gettext_noop

MAX_RULES = 100
MAX_RULE_CHARACTERS = 500
READ_ONLY = ("GET,HEAD,OPTIONS /**",)
EVERY_METHOD = "*"
CACHE_SIZE = 8 * 1024  # caches compiled rules, never decisions
_SEGMENT, _REST = "*", "**"
_is_method = re.compile(r"[A-Z]+(?:-[A-Z]+)*").fullmatch
_has_scheme = re.compile(r"(?i)https?://").match
# Characters that people type into a pattern as they read them in an address bar, and that a path holds encoded.
_unencoded = re.compile(r"[^\x00-\x7f]|[ \"<>^`|]")


class Rule(NamedTuple):
    """One rule: its methods, sorted, or none for every method; its path's segments in normal form; and its text.

    `has_rest` means that the pattern ends in `**`, which is not one of the segments.
    """

    methods: tuple[str, ...]
    segments: tuple[str, ...]
    has_rest: bool
    text: str


def parse_rule(text: str) -> Rule | Fault:
    """Return the rule written in the text, or a Fault that says what is wrong. Never raises.

    `GET /api/v2/**`, `GET,POST /orders/*`, `* /status` for every method, or a pattern alone, which also means every
    method. Two texts with one meaning give one `text`.
    """
    written = text.strip()
    if len(written) > MAX_RULE_CHARACTERS:
        return _fault(gettext_noop("“%(text)s” is too long. A rule has at most 500 characters."), written)
    first, _, rest = written.partition(" ")
    pattern = written if first.startswith("/") or _has_scheme(first) else rest.strip()
    methods = EVERY_METHOD if pattern is written else first
    if not pattern and "/" in written:
        return _no_slash(written)
    if not pattern:
        message = gettext_noop("“%(text)s” names no path. Enter %(suggestion)s for every path.")
        return _fault(message, written, suggestion=f"{methods.upper()} /**")
    names = tuple(sorted({name.upper() for name in methods.split(",")}))
    if wrong := [name for name in names if not _is_method(name) and name != EVERY_METHOD]:
        message = gettext_noop(
            "“%(method)s” is not a method. Separate methods with commas, such as GET,HEAD /orders/*."
        )
        return Fault(message, {"text": written, "method": wrong[0][:40]})
    segments = _parse_pattern(pattern)
    if isinstance(segments, Fault):
        return segments
    has_rest = segments[-1] == _REST
    names = () if EVERY_METHOD in names else names
    canonical = f"{','.join(names) or EVERY_METHOD} /{'/'.join(segments)}"
    return Rule(names, segments[:-1] if has_rest else segments, has_rest, canonical)


def _parse_pattern(pattern: str) -> tuple[str, ...] | Fault:
    if not pattern.startswith("/"):
        return _no_slash(pattern)
    if "?" in pattern or "#" in pattern:
        message = gettext_noop("“%(text)s” has a query, and limits are about the path. Leave out everything after it.")
        return _fault(message, pattern, suggestion=re.split(r"[?#]", pattern)[0])
    if "{" in pattern or "}" in pattern:
        suggestion = re.sub(r"\{[^{}/]*\}", _SEGMENT, pattern)
        message = gettext_noop("“%(text)s” has braces. Enter a star for each part that varies: %(suggestion)s")
        return _fault(message, pattern, suggestion=suggestion)
    *before, last = pattern[1:].split("/")
    if any(_SEGMENT in part and part != _SEGMENT for part in before) or (_SEGMENT in last and last not in {"*", "**"}):
        message = gettext_noop(
            "“%(text)s” has a star in a place where it has no meaning. * stands for one whole segment, and ** for"
            " everything below, at the end."
        )
        return _fault(message, pattern)
    path = normal_path(_unencoded.sub(_encoded, pattern))
    if path is None:
        message = gettext_noop(
            "“%(text)s” can be read as different paths. Leave out empty segments, dots at the end of a segment,"
            " semicolons, backslashes, and the encodings of such characters."
        )
        return _fault(message, pattern)
    return tuple(path[1:].split("/"))


def rule_of(text: str) -> Rule:
    """Return a stored rule; raise ValueError if it can't be read."""
    rule = parse_rule(text)
    if isinstance(rule, Fault):
        raise ValueError("a token has limits that can't be read")  # noqa: TRY004 - the text, not its type, is wrong
    return rule


def pack(rules: Iterable[Rule]) -> str:
    """Return the rules as the text that the gate reads: one rule a line, each once."""
    return "\n".join(dict.fromkeys(rule.text for rule in rules))


def unpack(packed: str) -> list[str]:
    """Return the texts of packed rules."""
    return packed.split("\n") if packed else []


def covers(rule: Rule, other: Rule) -> bool:
    """Whether a rule allows every request that the other one allows."""
    if rule.methods and not (other.methods and set(other.methods) <= set(rule.methods)):
        return False
    segments, others = rule.segments, other.segments
    has_length = len(others) >= len(segments) if rule.has_rest else len(others) == len(segments) and not other.has_rest
    return has_length and all(
        mine == theirs or (mine == _SEGMENT and theirs != "") for mine, theirs in zip(segments, others, strict=False)
    )


class Limits:
    """A list of rules, compiled: each rule is one bit, and each level of a path keeps the bits that still match."""

    __slots__ = ("_ends", "_known", "_methods", "_other_methods", "_others", "_rests")

    def __init__(self, rules: Sequence[Rule]) -> None:
        depth = max((len(rule.segments) for rule in rules), default=0)
        levels = [_level(rules, index) for index in range(depth)]
        # For each level, the bits by segment, and the bits for every other segment.
        self._known = [known.get for known, _ in levels]
        self._others = [others for _, others in levels]
        # For each number of segments, the rules that match a path with so many; and those that match any deeper path.
        self._ends = [_bits(rules, [_ends_at(rule, count) for rule in rules]) for count in range(depth + 1)]
        self._rests = _bits(rules, [rule.has_rest for rule in rules])
        methods = {method for rule in rules for method in rule.methods}
        self._other_methods = _bits(rules, [not rule.methods for rule in rules])
        self._methods = {
            each: _bits(rules, [not rule.methods or each in rule.methods for rule in rules]) for each in methods
        }

    def breach(self, method: str, target: str) -> Decision | None:
        """Return why a request is refused, or None if a rule allows it."""
        path = normal_path(target)
        if path is None:
            return LIMIT_UNCLEAR
        segments = path.split("/")
        del segments[0]
        alive = -1
        # A path may be shorter or longer than the rules. Naming `strict` would add a tenth to the time.
        for known, others, segment in zip(self._known, self._others, segments):  # noqa: B905
            alive &= known(segment, others)
        count = len(segments)
        alive &= self._ends[count] if count < len(self._ends) else self._rests
        if not alive:
            return LIMIT_PATH
        return None if alive & self._methods.get(method, self._other_methods) else LIMIT_METHOD


# A request that is also outside the allowed networks keeps that cause: enforced, it would be refused for that first.
_REPORTED = {OK: OK_OUTSIDE_LIMITS, OK_BY_PREVIOUS: OK_BY_PREVIOUS_OUTSIDE_LIMITS}


def enforced(decision: Decision, breach: Decision, *, report_only: bool) -> Decision:
    """Return the decision on one request that `decide` lets in although it is beyond the token's limits."""
    return _REPORTED.get(decision, decision) if report_only else breach


@lru_cache(maxsize=CACHE_SIZE)
def compiled(packed: str) -> Limits | None:
    """Return the limits in the text of `pack`, or None for "", which means that every request is allowed.

    Raises ValueError for any other text: nobody may be let in by rules that can't be read.
    """
    return None if packed == "" else Limits([rule_of(text) for text in packed.split("\n")])


def _level(rules: Sequence[Rule], index: int) -> tuple[dict[str, int], int]:
    """Return, for one level of a path, the bits of the rules that match each known segment, and any other segment."""

    def bits(segment: str | None) -> int:
        return _bits(rules, [_matches(rule, index, segment) for rule in rules])

    literals = {rule.segments[index] for rule in rules if len(rule.segments) > index} - {_SEGMENT}
    return {each: bits(each) for each in literals | {""}}, bits(None)


def _matches(rule: Rule, index: int, segment: str | None) -> bool:
    """Whether a rule matches a segment at a level; None stands for a segment that no rule names."""
    if index >= len(rule.segments):
        return rule.has_rest
    # A star does not stand for nothing: /orders/* is about one order, not about the list at /orders/.
    return rule.segments[index] == segment or (rule.segments[index] == _SEGMENT and segment != "")


def _ends_at(rule: Rule, count: int) -> bool:
    return len(rule.segments) <= count if rule.has_rest else len(rule.segments) == count


def _bits(rules: Sequence[Rule], matching: Sequence[bool]) -> int:
    return sum(1 << number for number, _ in enumerate(rules) if matching[number])


def _no_slash(text: str) -> Fault:
    return _fault(gettext_noop("“%(text)s” does not begin with a slash. Enter a path such as /api/v2/**."), text)


def _encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _fault(message: str, text: str, *, suggestion: str | None = None) -> Fault:
    params = {"text": text[:MAX_RULE_CHARACTERS]}
    return Fault(message, params if suggestion is None else params | {"suggestion": suggestion}, suggestion)
