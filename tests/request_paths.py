"""Paths that a proxy and an API may read differently, and a strategy that makes more of them."""

from hypothesis import strategies as st

from simsim.credential.request_path import MAX_PATH_CHARACTERS

# As a gate hears of them: printable ASCII.
TRICKS = [
    "", "*", "api", "http://example.com/api", "?x",
    "/a//b", "//a", "/a/./b", "/a/../b", "/..", "/.", "/a/..", "/a/.", "/a/...",
    "/a/%2e%2e/b", "/a/.%2e/b", "/a/%2E/b", "/a/%2e", "/a%2fb", "/a/..%2fb", "/a%5cb", "/a\\b", "/a\\..\\b",
    "/a/..%5cb",
    "/a;x/b", "/a/..;/b", "/a%3bx/b", "/a;", "/a./b", "/a.", "/a%2e/b", "/a%20/b", "/a%20", "/%20a", "/a/%20/b",
    "/a%00", "/a%00.json", "/a%0a", "/a%0d%0ab", "/a%09", "/a%7f", "/a%1f", "/a%85",
    "/a%", "/a%4", "/a%zz", "/a%u002e", "/%252e%252e/a", "/a%25", "/a%252fb", "/a%2525",
    "/a%ff", "/a%c0%ae", "/a%c0%af", "/a%e0%80%af", "/a%ed%a0%80", "/a%c3",
    "/a%ef%bc%8e%ef%bc%8e/b", "/a%ef%bc%8fb", "/a%e2%80%a4%e2%80%a4", "/a%ef%bc%bcb", "/a%e2%80%aeb",
    "/a%c2%a0", "/a%ef%bc%9bb",
    "/a#b", "/a%23b", "/a%3fb", "/a b", '/a"b', "/a<b>", "/a^b", "/a`b", "/a|b", "/{a}", "/[a]",
    "/" + "a" * MAX_PATH_CHARACTERS, "/%C3%BC" + "a" * MAX_PATH_CHARACTERS,
]  # fmt: skip

PIECES = [
    "api", "v2", "API", "admin", "public", "a", "b", "", "", ".", "..", "...", "%2e", "%2E%2e", ".%2e",
    "%61dmin", "%41",
    "%2f", "%2F..", "%5c", "\\", ";", ";x=1", "%3b", "%00", "%20", "%0a", "%09", "%25", "%252e", "%25%32%65",
    "%c3%bc", "%C3%BC",
    "%ff", "%c0%ae", "%ef%bc%8e", "%ef%bc%8f", "a.", "a%2e", "a%20", "~", "%7e", "a+b", "a%2Bb", "a:b",
    "a%3Ab", "@", "%40", "*",
    "%2A", "%", "%zz", "%4", "x.json", ".well-known", "a=b&c", "(a)", "'", "!", "$", ",", "%7B", "%7C",
    "%22", "%3F", "%23",
]  # fmt: skip

segments = st.lists(st.sampled_from(PIECES), min_size=0, max_size=3).map("".join)
encoded_texts = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), max_size=4).map(
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode())
)
# Targets as a client may send them: they begin with a slash, and hold printable ASCII without spaces.
targets = st.builds(
    lambda parts, end, query: "/" + "/".join(parts) + end + query,
    st.lists(segments | encoded_texts, max_size=5),
    st.sampled_from(["", "/", "/.", "/..", ".", ";"]),
    st.sampled_from(["", "?x=1", "?a=/../b"]),
)
