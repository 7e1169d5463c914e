"""Every page loaded in each look but the first, in which the suite loads it before it changes to the others."""

import pytest
from playwright.sync_api import Browser

from browser import console_tour, log_tour, people_tour, usage_tour
from browser.profiles import NARROW, WIDE, Scheme
from browser.visitor import visiting
from stack import Stack

LOOKS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]


@pytest.fixture(scope="module")
def populated(stack: Stack, ended: str) -> str:
    """The id of a revoked token; Acme also has requests and three months of usage."""
    log_tour.call_as_partner(stack)
    usage_tour.use(stack)
    return ended


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=str)
def test_every_page_loaded_in_this_look_follows_every_rule(
    browser: Browser, stack: Stack, populated: str, size: tuple[int, int], scheme: Scheme
) -> None:
    """The pages for an administrator, a newcomer and a member."""
    tours = (
        lambda visitor: console_tour.tour(visitor, populated), console_tour.empty, console_tour.as_member,
        people_tour.tour,
    )  # fmt: skip
    for pages in tours:
        with visiting(browser, stack, size, scheme) as visitor:
            for _name in pages(visitor):
                visitor.check()
    for pages in (log_tour.tour, usage_tour.tour):
        with visiting(browser, stack, size, scheme) as visitor:
            visitor.enter()
            for _name in pages(visitor):
                visitor.check()
