"""The documentation site: no dead links, a path for every reader, and no violation of the policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser import documentation_site as site
from browser.profiles import NARROW, WIDE, Scheme
from browser.visitor import COLOUR_RULES, RULES, Rules, Visitor, judged, visiting
from documentation_questions import QUESTIONS
from stack import Stack

AMONG_THE_FIRST = 3
SHOWN = ["", "start/index.html", "operators/tls.html", "administrators/tokens.html", "reference/problems.html",
         "design/index.html", "search.html?q=restore+a+backup"]  # fmt: skip
FOUND = """query => Search._performSearch(...Search._parseQuery(query)).reverse().map(result => result[0])"""


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    site.build()


@pytest.fixture(scope="module")
def pages(built: None) -> dict[str, site.Page]:
    return site.pages()


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    with visiting(browser, stack) as visitor:
        visitor.enter()
        yield visitor


def search_page(visitor: Visitor) -> Page:
    visitor.page.goto(f"{visitor.home}docs/search.html")
    visitor.page.wait_for_function("Search.hasIndex()")
    return visitor.page


@pytest.mark.covers("B22")
def test_no_link_and_no_anchor_is_dead(pages: dict[str, site.Page]) -> None:
    assert len(pages) > 50
    dead = []
    for name, page in pages.items():
        for address in page.links + page.files:
            led = site.target(name, address)
            if led is None:
                continue
            path, anchor = led
            is_there = (site.SITE / path).is_file()
            if not is_there or (anchor and path in pages and anchor not in pages[path].anchors):
                dead.append(f"{name}: {address}")
    assert dead == []


def test_no_page_needs_another_host_or_what_the_policy_forbids(pages: dict[str, site.Page]) -> None:
    for name, page in pages.items():
        assert page.inline == [], name
        assert [address for address in page.files if site.target(name, address) is None] == [], name


@pytest.mark.covers("B22")
def test_every_page_is_reached_in_two_clicks(pages: dict[str, site.Page]) -> None:
    first = set(site.links_of("index.html", pages["index.html"]))
    second = {led for name in first for led in site.links_of(name, pages[name])}
    assert set(pages) - first - second - {"search.html"} == set()


def test_every_page_says_which_version_it_describes() -> None:
    from importlib.metadata import version

    for path in site.SITE.rglob("*.html"):
        assert f"This page is for Simsim {version('simsim')}." in path.read_text(encoding="utf-8"), path.name


@pytest.mark.covers("B22")
def test_search_finds_the_page_for_each_question(visitor: Visitor) -> None:
    assert len(QUESTIONS) >= 40
    page = search_page(visitor)
    found = {question: page.evaluate(FOUND, question)[:AMONG_THE_FIRST] for question, _ in QUESTIONS}
    missed = {question: found[question] for question, answer in QUESTIONS if answer not in found[question]}
    assert missed == {}
    first = [question for question, answer in QUESTIONS if found[question][0] == answer]
    assert len(first) >= 0.8 * len(QUESTIONS)


def test_search_for_nonsense_finds_nothing(visitor: Visitor) -> None:
    assert search_page(visitor).evaluate(FOUND, "qwxyzzy plugh") == []


def test_reader_searches_and_opens_the_result(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.home}docs/")
    page.get_by_role("textbox", name="Search").fill("What happens when the disk is full?")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="When the disk is full").click()
    page.wait_for_url("**/docs/operators/install.html#when-the-disk-is-full")
    assert visitor.complaints == []


def test_help_leads_from_each_part_of_the_console_to_its_page(visitor: Visitor) -> None:
    page = visitor.page
    account = f"{visitor.home}accounts/{visitor.stack.account}/"
    for part in ("destinations", "api", "tokens", "tokens/new", "logs", "usage", "connect", "people", "notices"):
        page.goto(f"{account}{part}/")
        page.get_by_role("link", name="Help", exact=True).click()
        page.wait_for_url("**/docs/*/*.html")
        assert page.locator("article h1").count() == 1, part
    assert visitor.complaints == []


@pytest.mark.covers("B22")
@pytest.mark.timeout(600)
def test_site_follows_the_rules_for_every_page(visitor: Visitor) -> None:
    for name in SHOWN:
        visitor.page.goto(f"{visitor.home}docs/{name}")
        if "?" in name:
            visitor.page.wait_for_load_state("networkidle")  # of the results' summaries
        visitor.resize(WIDE)
        look_at(visitor.page, name, "light", RULES)
        look_at(visitor.page, name, "dark", COLOUR_RULES)
        visitor.check_width()
        visitor.resize(NARROW)
        look_at(visitor.page, name, "dark", RULES)
        look_at(visitor.page, name, "light", COLOUR_RULES)
        visitor.check_width()
    assert visitor.complaints == []


def look_at(page: Page, name: str, scheme: Scheme, rules: Rules) -> None:
    page.emulate_media(color_scheme=scheme)
    results = judged(page, rules)
    assert results.violations_count == 0, f"{name}, {page.viewport_size}, {scheme}: {results.generate_report()}"


def test_reader_chooses_dark_and_it_stays(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.home}docs/")
    chosen = []
    for _ in range(3):
        page.locator(".theme-toggle-content .theme-toggle").click()
        chosen.append(page.evaluate("document.body.dataset.theme"))
    assert set(chosen) == {"auto", "dark", "light"}
    page.locator(".theme-toggle-content .theme-toggle").click()
    kept = page.evaluate("document.body.dataset.theme")
    page.goto(f"{visitor.home}docs/start/index.html")
    assert page.evaluate("document.body.dataset.theme") == kept
