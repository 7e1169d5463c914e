"""Limits: how rules are read, what they allow, and why a request is refused."""

import pytest

from simsim.credential.allowlist import Fault
from simsim.credential.decision import (
    LIMIT_METHOD,
    LIMIT_PATH,
    LIMIT_UNCLEAR,
    OK,
    OK_BY_PREVIOUS,
    OK_BY_PREVIOUS_OUTSIDE_LIMITS,
    OK_OUTSIDE,
    OK_OUTSIDE_LIMITS,
    Decision,
)
from simsim.credential.limits import (
    MAX_RULE_CHARACTERS,
    READ_ONLY,
    Limits,
    Rule,
    compiled,
    covers,
    enforced,
    pack,
    parse_rule,
    unpack,
)


def rule(text: str) -> Rule:
    found = parse_rule(text)
    assert isinstance(found, Rule), found
    return found


def limits(*texts: str) -> Limits:
    found = compiled(pack(rule(text) for text in texts))
    assert found is not None
    return found


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("GET /api/v2/**", "GET /api/v2/**"),
        ("  get,Post   /orders/* ", "GET,POST /orders/*"),
        ("POST,GET,POST /a", "GET,POST /a"),
        ("/a/b", "* /a/b"),
        ("* /a", "* /a"),
        ("*,GET /**", "* /**"),
        ("/", "* /"),
        ("M-SEARCH /%61", "M-SEARCH /a"),
        ("GET /büro/a b", "GET /b%C3%BCro/a%20b"),
        ("GET /orders/", "GET /orders/"),
    ],
)
def test_rules_of_one_meaning_have_one_text(written: str, normal: str) -> None:
    assert rule(written).text == normal
    assert rule(normal).text == normal


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("written", "hint", "suggestion"),
    [
        ("GET", "names no path", "GET /**"),
        ("", "names no path", None),
        ("api/v2 /x", "not a method", None),
        ("GET;POST /x", "not a method", None),
        ("GET, /x", "not a method", None),
        ("GET POST /x", "begin with a slash", None),
        ("GET api/v2", "begin with a slash", None),
        ("api/v2/**", "begin with a slash", None),
        ("https://api.example.com/a", "begin with a slash", None),
        ("GET /a?x=*", "has a query", "/a"),
        ("GET /a/{id}/b", "has braces", "/a/*/b"),
        ("GET /a/*.json", "has a star", None),
        ("GET /**/a", "has a star", None),
        ("GET /a/***", "has a star", None),
        ("GET /a/../b", "different paths", None),
        ("GET /a//b", "different paths", None),
        ("GET /a;x/b", "different paths", None),
        ("GET /a%2fb", "different paths", None),
        ("GET /" + "a" * MAX_RULE_CHARACTERS, "too long", None),
    ],
)
def test_text_that_is_no_rule_gets_an_explanation(written: str, hint: str, suggestion: str | None) -> None:
    fault = parse_rule(written)
    assert isinstance(fault, Fault)
    assert hint in str(fault)
    assert suggestion is None or fault.suggestion == suggestion


@pytest.mark.covers("B16", "R16")
@pytest.mark.parametrize(
    ("texts", "method", "target", "breach"),
    [
        (["GET /api/v2/**"], "GET", "/api/v2/a/b?x=1", None),
        (["GET /api/v2/**"], "GET", "/api/v2", None),
        (["GET /api/v2/**"], "GET", "/api/v2/", None),
        (["GET /api/v2/**"], "POST", "/api/v2/a", LIMIT_METHOD),
        (["GET /api/v2/**"], "get", "/api/v2/a", LIMIT_METHOD),
        (["GET /api/v2/**"], "HEAD", "/api/v2/a", LIMIT_METHOD),
        (["GET /api/v2/**"], "GET", "/api/v20/a", LIMIT_PATH),
        (["GET /api/v2/**"], "GET", "/API/v2/a", LIMIT_PATH),
        (["GET /api/v2/**"], "GET", "/api", LIMIT_PATH),
        (["GET /api/v2/**"], "GET", "/", LIMIT_PATH),
        (["GET /api/v2/**"], "GET", "/api/v2/../admin", LIMIT_UNCLEAR),
        (["/orders/*"], "DELETE", "/orders/4711", None),
        (["/orders/*"], "GET", "/orders/", LIMIT_PATH),
        (["/orders/*"], "GET", "/orders/4711/", LIMIT_PATH),
        (["/orders/*"], "GET", "/orders", LIMIT_PATH),
        (["/orders/*"], "GET", "/orders/*", None),
        (["/orders/*/lines"], "GET", "/orders/4711/lines", None),
        (["/orders/*/lines"], "GET", "/orders/4711/pages", LIMIT_PATH),
        (["/orders/"], "GET", "/orders/", None),
        (["/orders/"], "GET", "/orders", LIMIT_PATH),
        (["/"], "GET", "/", None),
        (["/"], "GET", "/a", LIMIT_PATH),
        (["GET /a/**", "POST /a/b"], "POST", "/a/b", None),
        (["GET /a/**", "POST /a/b"], "POST", "/a/c", LIMIT_METHOD),
        (["GET /a/**", "* /a/b"], "PURGE", "/a/b", None),
        (["GET /b%c3%bcro"], "GET", "/b%C3%BCro", None),
        (["GET /a:b"], "GET", "/a%3Ab", LIMIT_PATH),
        (list(READ_ONLY), "OPTIONS", "/anything/at/all", None),
        (list(READ_ONLY), "DELETE", "/anything", LIMIT_METHOD),
    ],
)
def test_request_is_allowed_only_by_a_rule_that_matches_it(
    texts: list[str], method: str, target: str, breach: Decision | None
) -> None:
    assert limits(*texts).breach(method, target) == breach


@pytest.mark.covers("B16")
def test_rules_that_cannot_be_read_let_nobody_in() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        compiled("GET /a\nnonsense")


@pytest.mark.covers("B16")
def test_token_without_rules_has_no_limits() -> None:
    assert compiled(pack([])) is None
    assert unpack("") == []
    assert unpack(pack([rule("GET /a"), rule("get /a"), rule("/b")])) == ["GET /a", "* /b"]


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("decision", "report_only", "judged"),
    [
        (OK, False, LIMIT_PATH),
        (OK_BY_PREVIOUS, False, LIMIT_PATH),
        (OK, True, OK_OUTSIDE_LIMITS),
        (OK_BY_PREVIOUS, True, OK_BY_PREVIOUS_OUTSIDE_LIMITS),
        (OK_OUTSIDE, True, OK_OUTSIDE),
    ],
)
def test_limit_refuses_unless_it_is_report_only(decision: Decision, report_only: bool, judged: Decision) -> None:
    assert enforced(decision, LIMIT_PATH, report_only=report_only) == judged


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        ("/**", "GET /a/b", True),
        ("/a/**", "/a/*/c", True),
        ("/a/*", "/a/b", True),
        ("GET,POST /a", "GET /a", True),
        ("GET /a", "/a", False),
        ("GET /a", "POST /a", False),
        ("/a/b", "/a/*", False),
        ("/a/*", "/a/**", False),
        ("/a/b/**", "/a/**", False),
        ("/a/*", "/a/", False),
    ],
)
def test_rule_covers_another_only_if_it_allows_every_request_of_it(wide: str, narrow: str, is_covered: bool) -> None:
    assert covers(rule(wide), rule(narrow)) is is_covered
