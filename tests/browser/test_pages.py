"""Every page, light and dark, wide and narrow: accessible, no wider than the window, without errors."""

import pytest
from playwright.sync_api import Browser

from browser.console_tour import as_member, empty, tour
from browser.visitor import LOADS, Scheme, visiting
from stack import Stack


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("size", "scheme"), LOADS, ids=str)
def test_every_page_follows_the_rules(
    browser: Browser, stack: Stack, ended: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with visiting(browser, stack, size, scheme) as visitor:
        for _name in tour(visitor, ended):
            visitor.check_light_and_dark()


@pytest.mark.parametrize(("size", "scheme"), LOADS, ids=str)
def test_empty_lists_and_a_members_pages_follow_the_rules(
    browser: Browser, stack: Stack, ended: str, size: tuple[int, int], scheme: Scheme
) -> None:
    for pages in (empty, as_member):
        with visiting(browser, stack, size, scheme) as visitor:
            for _name in pages(visitor):
                visitor.check_light_and_dark()
