"""A browser's profiles: each has its own cookies, cache and storage, and is used by one test after another.

To make a profile and to fill its cache takes a second, which most tests do not need to spend.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, BrowserContext

Scheme = Literal["light", "dark"]
WIDE, NARROW = (1280, 860), (360, 740)
# The console asks for the password again when the last sign-in is older than five minutes.
MAX_SESSION_SECONDS = 200


@dataclass
class Kept:
    """What a browser keeps for its next visitors: idle profiles by their scripts, and the cookies of sessions."""

    idle: defaultdict[bool, list[BrowserContext]] = field(default_factory=lambda: defaultdict(list))
    sessions: dict[str, tuple[float, Sequence[Any]]] = field(default_factory=dict)


_kept: WeakKeyDictionary[Browser, Kept] = WeakKeyDictionary()


def kept_by(browser: Browser | None) -> Kept:
    assert browser is not None
    return _kept.setdefault(browser, Kept())


@contextmanager
def lent(browser: Browser, resting: str, *, scripts: bool, is_new: bool) -> Iterator[BrowserContext]:
    """Lend a profile without cookies, local storage or open pages; a new one also without cache.

    It rests on a page of the site, because without any the browser would end the process that shows the site.
    """
    idle = kept_by(browser).idle[scripts]
    if is_new or not idle:
        profile = browser.new_context(
            viewport={"width": WIDE[0], "height": WIDE[1]},
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        if not is_new:
            profile.new_page().goto(resting)
    else:
        profile = idle.pop()
    try:
        yield profile
    except BaseException:
        profile.close()
        raise
    if is_new:
        profile.close()
        return
    first, *others = profile.pages
    for page in others:
        page.close()
    profile.clear_cookies()
    first.evaluate("localStorage.clear()")
    idle.append(profile)


def restore_session(profile: BrowserContext, email: str) -> bool:
    """Give the profile the cookies of somebody's session, and return whether there is one that is recent."""
    signed_in_at, cookies = kept_by(profile.browser).sessions.get(email, (-MAX_SESSION_SECONDS, ()))
    if time.monotonic() - signed_in_at > MAX_SESSION_SECONDS:
        return False
    profile.add_cookies(cookies)
    return True


def keep_session(profile: BrowserContext, email: str) -> None:
    """Keep the cookies of a session that began just now."""
    kept_by(profile.browser).sessions[email] = (time.monotonic(), profile.cookies())
