"""Properties of limits: one reading of each accepted path, and the compiled rules agree with the plain definition."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from request_paths import targets
from simsim.credential.limits import Limits, Rule, covers, parse_rule
from simsim.credential.request_path import normal_path

parts = st.sampled_from(["a", "b", "*", "", "x.y"])
rules = st.builds(
    lambda methods, path, end: parse_rule(f"{methods} /{'/'.join(path)}{end}"),
    st.sampled_from(["*", "GET", "GET,POST"]),
    st.lists(parts, min_size=1, max_size=4),
    st.sampled_from(["", "/**", "/"]),
).filter(lambda found: isinstance(found, Rule))
paths = st.lists(st.sampled_from(["a", "b", "c", "x.y", "x%2ey"]), min_size=0, max_size=5)


def matches(rule: Rule, method: str, segments: list[str]) -> bool:
    """Whether a rule matches, as the documentation defines it."""
    if rule.methods and method not in rule.methods:
        return False
    head = segments[: len(rule.segments)] if rule.has_rest else segments
    return len(head) == len(rule.segments) and all(
        want == have or (want == "*" and have != "") for want, have in zip(rule.segments, head, strict=True)
    )


@pytest.mark.covers("B16")
@given(st.lists(rules, min_size=1, max_size=6), st.sampled_from(["GET", "POST", "DELETE"]), paths, st.booleans())
def test_compiled_rules_allow_exactly_what_one_of_them_allows(
    listed: list[Rule], method: str, path: list[str], slash: bool
) -> None:
    target = "/" + "/".join(path) + ("/" if slash and path else "")
    segments = target.replace("%2e", ".")[1:].split("/")
    allowed = any(matches(rule, method, segments) for rule in listed)
    assert (Limits(listed).breach(method, target) is None) is allowed


@pytest.mark.covers("B16")
@given(targets)
def test_normal_form_is_stable_and_names_what_a_server_decodes(target: str) -> None:
    path = normal_path(target)
    if path is None:
        return
    assert normal_path(path) == path
    decoded = unquote_to_bytes(path).decode()
    assert decoded == unquote_to_bytes(target.partition("?")[0]).decode()
    # Nothing is left to resolve or to decode, for whoever decodes once more or folds separators.
    assert decoded == unquote_to_bytes(decoded).decode()
    assert not any(each in decoded for each in ("\\", ";", "//"))
    assert all(segment == segment.rstrip(". ") for segment in decoded.split("/"))
    assert decoded.count("/") == path.count("/")


@pytest.mark.covers("B16")
@given(rules, rules, st.sampled_from(["GET", "POST", "DELETE"]), paths, st.booleans())
def test_covering_rule_allows_whatever_the_covered_one_allows(
    wide: Rule, narrow: Rule, method: str, path: list[str], slash: bool
) -> None:
    target = "/" + "/".join(path) + ("/" if slash and path else "")
    assert covers(wide, wide)
    if covers(wide, narrow) and Limits([narrow]).breach(method, target) is None:
        assert Limits([wide]).breach(method, target) is None
