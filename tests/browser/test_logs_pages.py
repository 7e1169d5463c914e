"""The log in a real browser: from a partner's failed call to its reason, with scripts and without, by keyboard too."""

import csv
import io
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from browser.html_checker import complaints
from browser.log_tour import ENTITIES, call_as_partner, logs_of, panel_of, tour
from browser.profiles import NARROW, WIDE
from browser.visitor import Visitor, visiting
from stack import Stack

pytestmark = pytest.mark.covers("R17")
POLL_MS = 2000


@pytest.fixture(scope="module")
def partner(stack: Stack) -> dict[str, Any]:
    return call_as_partner(stack)


@pytest.fixture
def alice(browser: Browser, stack: Stack, partner: dict[str, Any]) -> Iterator[Visitor]:
    with visiting(browser, stack) as visitor:
        visitor.enter()
        yield visitor


def mark(page: Page) -> None:
    page.evaluate("window.marked = true")


def is_marked(page: Page) -> bool:
    """Whether the page is still the marked one, without a reload."""
    return bool(page.evaluate("window.marked === true"))


@pytest.mark.covers("R10", "R16")
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_alice_learns_in_four_clicks_why_a_partners_call_failed(
    browser: Browser, stack: Stack, partner: dict[str, Any], size: tuple[int, int]
) -> None:
    with visiting(browser, stack, size) as alice:
        page = alice.page
        alice.enter()
        page.get_by_role("link", name="Logs").click()
        why = "The address 127.0.0.1 is not in the only network that “Partner” allows."
        if size == WIDE:
            expect(page.get_by_text(why)).to_be_visible()
        page.get_by_role("link", name=f"GET {ENTITIES}").nth(3).click()
        expect(panel_of(page).get_by_text(why)).to_be_visible()
        expect(panel_of(page)).to_contain_text("401 Unauthorized")
        alice.check()
        panel_of(page).get_by_role("link", name="Change the allowed networks").click()
        page.wait_for_url(f"**/tokens/{partner['id']}/?add=127.0.0.1#networks")
        expect(page.get_by_label("Network 1")).to_have_value("198.51.100.0/24")


def test_row_opens_without_moving_the_list(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    row = page.get_by_role("link", name="GET /api/v2/funds/30", exact=True)
    row.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 0
    row.click()
    expect(panel_of(page)).to_be_visible()
    page.wait_for_timeout(300)  # scroll anchoring acts after the swap
    assert abs(page.evaluate("scrollY") - before) < 200


@pytest.mark.covers("R10", "R16")
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_from_the_tokens_a_partners_failing_calls_are_explained_in_four_clicks(
    browser: Browser, stack: Stack, partner: dict[str, Any], size: tuple[int, int]
) -> None:
    with visiting(browser, stack, size) as alice:
        page = alice.page
        alice.enter()
        steps = [
            page.get_by_role("link", name="Partner"),
            page.get_by_role("link", name="See requests"),
            page.get_by_role("link", name=f"GET {ENTITIES}"),
            panel_of(page).get_by_role("link", name="Change the allowed networks"),
        ]
        for step in steps[:3]:
            step.first.click()
        expect(panel_of(page).get_by_text("is not in the only network that “Partner” allows")).to_be_visible()
        steps[3].click()
        page.wait_for_url(f"**/tokens/{partner['id']}/?add=127.0.0.1#networks")
        assert alice.complaints == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_what_is_shown_is_exported_and_read_by_other_programs(
    browser: Browser, stack: Stack, partner: dict[str, Any], size: tuple[int, int]
) -> None:
    with visiting(browser, stack, size) as alice:
        page = alice.page
        alice.enter()
        page.goto(f"{logs_of(alice)}?endpoint=/api/v2/funds/*&range=24h")
        files = {}
        for choice in ("CSV, for a spreadsheet", "JSON lines, for a program"):
            page.get_by_text("Export", exact=True).click()
            alice.check()
            with page.expect_download() as download:
                page.get_by_role("link", name=choice).click()
            assert re.fullmatch(r"acme-log-last-24h-[0-9-]{10}\.(csv|jsonl)", download.value.suggested_filename)
            files[choice[:3]] = Path(download.value.path()).read_bytes()
            expect(page.get_by_role("link", name=choice)).to_be_hidden()
        rows = list(csv.DictReader(io.StringIO(files["CSV"].decode("utf-8-sig"), newline="")))
        assert [each["resource"] for each in rows] == [f"/api/v2/funds/{number}" for number in range(54, -1, -1)]
        documents = [json.loads(line) for line in files["JSO"].splitlines()]
        assert [each["id"] for each in documents] == [each["id"] for each in rows]


def polls_of(page: Page) -> list[Request]:
    """Collect the page's polls from now on, when each is sent."""
    polls: list[Request] = []
    page.on("request", lambda request: polls.append(request) if "/newest/" in request.url else None)
    return polls


def wait_for_polls(page: Page, polls: list[Request], number: int) -> None:
    deadline = time.monotonic() + 15
    while len(polls) < number:
        assert time.monotonic() < deadline, f"{len(polls)} polls and not {number}"
        page.wait_for_timeout(50)


def assert_that_nothing_is_asked(page: Page, polls: list[Request]) -> None:
    asked = len(polls)
    page.wait_for_timeout(POLL_MS * 1.25)
    assert len(polls) == asked


def stored(stack: Stack) -> int:
    with closing(sqlite3.connect(stack.data / "request_log.sqlite3", timeout=20)) as database:
        return int(database.execute("SELECT COUNT(*) FROM request_log_loggedrequest").fetchone()[0])


def test_log_with_live_updates_shows_a_request_soon_after_it_was_stored(
    alice: Visitor, stack: Stack, partner: dict[str, Any]
) -> None:
    page = alice.page
    polls = polls_of(page)
    page.goto(logs_of(alice))
    mark(page)
    page.get_by_role("link", name="Follow", exact=True).click()
    page.wait_for_url("**/logs/?follow=on")
    first = page.locator(".log-rows tbody tr").first.get_attribute("id")
    wait_for_polls(page, polls, 2)
    answers = [each.response() for each in polls[:2]]
    assert [answer.status for answer in answers if answer] == [204, 204]
    before = stored(stack)
    for path in ("/api/v2/followed/1", "/api/v2/followed/2"):
        stack.get(path, auth=(partner["username"], partner["password"]))
    stack.wait_until(lambda: stored(stack) == before + 2, "the requests are stored")
    page.get_by_role("link", name="GET /api/v2/followed/2").wait_for(timeout=4000)
    fresh = page.locator(".is-fresh .name")
    expect(fresh).to_have_count(2)
    expect(page.locator("[data-say]")).to_have_text(re.compile("^New requests: [12]$"))
    names = page.locator(".log-rows tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    assert len(names) == len(set(names)) == 50
    assert names.index(first) == 2
    alice.check()
    expect(fresh).to_have_count(0, timeout=6000)
    assert is_marked(page)

    # Nothing moves beside an open request or older requests.
    page.get_by_role("link", name="GET /api/v2/followed/1").click()
    expect(panel_of(page)).to_be_visible()
    assert_that_nothing_is_asked(page, polls)
    page.keyboard.press("Escape")
    expect(panel_of(page)).to_have_count(0)
    page.wait_for_url("**/logs/?follow=on")
    wait_for_polls(page, polls, len(polls) + 1)
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**cursor=*follow=on")
    assert_that_nothing_is_asked(page, polls)
    page.get_by_role("link", name="Stop following").click()
    page.wait_for_url(re.compile(r"/logs/\?cursor=[0-9]+$"))
    assert is_marked(page)
    assert alice.complaints == []


def test_following_stops_with_a_notice_when_the_log_can_not_be_read(alice: Visitor) -> None:
    page = alice.page
    page.goto(f"{logs_of(alice)}?follow=on")
    stopped = page.get_by_text("The log could not be read just now")
    expect(stopped).to_be_hidden()
    page.route("**/newest/**", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    expect(stopped).to_be_visible()
    expect(page.get_by_text("New requests appear here automatically")).to_have_count(0)
    assert_that_nothing_is_asked(page, polls_of(page))
    alice.check()
    page.unroute("**/newest/**")
    page.get_by_role("link", name="Follow again").click()
    expect(stopped).to_be_hidden()
    with page.expect_response("**/newest/**") as response:
        assert response.value.status == 204
    page.context.clear_cookies()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_incomplete_page_continues_by_itself_and_says_so(alice: Visitor) -> None:
    """Simulate a long search: drop all but the first requests of the page that the server sent."""
    page = alice.page
    page.goto(logs_of(alice))
    whole = page.locator(".log-rows .name").evaluate_all("names => names.map(name => name.id)")
    below = whole[9].removeprefix("request-")
    goes_on = f"{logs_of(alice)}more/?below={below}&listed=10&turn=1".replace("&", "&amp;")
    attributes = f'data-hx-get="{goes_on}" data-hx-trigger="load" data-hx-target="this" data-hx-select=""'

    def cut(route: Route) -> None:
        answer = route.fetch()
        rows = answer.text().split('<tr id="row-')
        body = '<tr id="row-'.join(rows[:11]) + "</tbody></table>" + rows[-1].partition("</table>")[2]
        body = body.replace('id="log-end"', f'id="log-end" {attributes} data-hx-swap="outerHTML"')
        route.fulfill(response=answer, body=body)

    page.route("**/logs/", cut)
    page.goto(logs_of(alice))
    expect(page.locator(".log-rows .name")).to_have_count(50)
    assert page.locator(".log-rows .name").evaluate_all("names => names.map(name => name.id)") == whole
    expect(page.locator("#said")).to_have_text("The newest 50 requests")
    expect(page.locator("[data-say]")).to_have_text("The newest 50 requests")
    assert page.locator("#log-end").count() == 1
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**cursor=*")
    alice.check()


def test_filter_panel_back_and_reload_keep_the_position_without_a_full_page_load(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    mark(page)
    page.get_by_label("Outcome").select_option("Refused")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**/logs/?outcome=refused")
    expect(page.get_by_role("link", name=f"GET {ENTITIES}")).to_have_count(1)
    expect(page.locator("[data-say]")).to_have_text(re.compile("request in total|requests in total"))

    page.get_by_label("Endpoint").fill("/not/applied/yet")
    page.get_by_role("link", name=f"GET {ENTITIES}").click()
    page.wait_for_url(re.compile(r"/logs/[0-9]+/\?outcome=refused$"))
    expect(panel_of(page).get_by_role("heading", name=re.compile("^Request"))).to_be_focused()
    expect(page.get_by_label("Endpoint")).to_have_value("/not/applied/yet")
    assert page.title().startswith("Request ")
    assert is_marked(page)

    page.go_back()
    expect(panel_of(page)).to_have_count(0)
    page.wait_for_url("**/logs/?outcome=refused")
    assert page.title().startswith("Logs")
    page.go_back()
    page.wait_for_url("**/logs/")
    expect(page.get_by_role("link", name=f"GET {ENTITIES}")).to_have_count(4)
    expect(page.get_by_label("Outcome")).to_have_value("")
    page.go_forward()
    expect(page.get_by_label("Outcome")).to_have_value("refused")
    page.go_forward()
    expect(panel_of(page)).to_be_visible()
    assert is_marked(page)

    page.reload()
    assert not is_marked(page)
    expect(panel_of(page)).to_be_visible()
    expect(page.get_by_label("Outcome")).to_have_value("refused")
    mark(page)
    page.keyboard.press("Escape")
    expect(panel_of(page)).to_have_count(0)
    expect(page.get_by_role("link", name=f"GET {ENTITIES}")).to_be_focused()
    page.get_by_role("link", name="Outcome: Refused").click()
    page.wait_for_url("**/logs/")
    expect(page.locator(".log-rows .name")).to_have_count(50)
    assert is_marked(page)
    assert alice.complaints == []


def test_older_requests_follow_and_a_link_returns_to_the_newest(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    mark(page)
    first = page.locator(".log-rows .name").evaluate_all("names => names.map(name => name.id)")
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**cursor=*")
    expect(page.get_by_text("There are no older requests")).to_be_visible()
    second = page.locator(".log-rows .name").evaluate_all("names => names.map(name => name.id)")
    assert second
    assert set(first).isdisjoint(second)
    page.get_by_role("link", name="Back to the newest").click()
    page.wait_for_url("**/logs/")
    page.get_by_role("link", name=f"GET {ENTITIES}").first.click()
    page.wait_for_url(re.compile("/logs/[0-9]+/$"))
    page.get_by_role("link", name="Show the newest").click()
    page.wait_for_url("**/logs/")
    expect(panel_of(page)).to_have_count(0)
    expect(page.locator(".log-rows .name")).to_have_count(50)
    assert is_marked(page)
    assert alice.complaints == []


def test_error_is_shown_at_its_field_and_typed_texts_are_kept(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    mark(page)
    page.get_by_label("Status").fill("lots")
    page.get_by_label("Endpoint").fill("/api/*")
    page.get_by_label("Endpoint").press("Enter")
    expect(page.get_by_text("A status is a number such as 404")).to_be_visible()
    expect(page.get_by_label("Status")).to_have_value("lots")
    expect(page.get_by_label("Endpoint")).to_have_value("/api/*")
    page.get_by_label("Status").fill("503")
    page.get_by_label("Endpoint").fill("/status/*")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_role("link", name="GET /status/503")).to_be_visible()
    assert is_marked(page)
    assert alice.complaints == []


def test_time_fields_are_shown_only_for_a_custom_range(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    expect(page.get_by_label("From (UTC)")).to_be_hidden()
    page.get_by_label("Time", exact=True).select_option("From and to")
    page.get_by_label("From (UTC)").fill("2020-01-01T00:00:00")
    page.get_by_label("To (UTC)").fill("2020-01-02T00:00:00")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.get_by_role("heading", name="No requests match these filters")).to_be_visible()
    expect(page.get_by_role("link", name="From: 1 Jan 2020, 00:00 UTC")).to_be_visible()
    page.get_by_label("Time", exact=True).select_option("Last hour")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**/logs/?range=1h")
    expect(page.locator(".log-rows .name")).to_have_count(50)


def test_log_is_usable_with_only_the_keyboard(alice: Visitor) -> None:
    page, keyboard = alice.page, alice.page.keyboard
    alice.tab_to("Logs")
    keyboard.press("Enter")
    page.wait_for_url("**/logs/")
    alice.tab_to("Outcome")
    keyboard.type("Ref")
    keyboard.press("Tab")
    keyboard.press("Enter")  # in the status field: sends the form
    page.wait_for_url("**/logs/?outcome=refused")
    alice.tab_to(f"GET {ENTITIES}")
    keyboard.press("Enter")
    expect(panel_of(page)).to_be_visible()
    alice.tab_to("Change the allowed networks")
    keyboard.press("Escape")
    expect(panel_of(page)).to_have_count(0)
    expect(page.get_by_role("link", name=f"GET {ENTITIES}")).to_be_focused()


def test_log_works_without_scripts(browser: Browser, stack: Stack, partner: dict[str, Any]) -> None:
    for size in (WIDE, NARROW):
        with visiting(browser, stack, size, scripts=False) as alice:
            page = alice.page
            alice.enter()
            page.get_by_role("link", name="Logs").click()
            if size == NARROW:
                page.locator(".filters > summary").click()
            page.get_by_label("Status").fill("401")
            page.get_by_label("Token").select_option("Partner")
            page.get_by_role("button", name="Apply filters").click()
            assert page.url == f"{logs_of(alice)}?status=401&token={partner['id']}"
            page.get_by_role("link", name=f"GET {ENTITIES}").click()
            expect(panel_of(page).get_by_text("is not in the only network")).to_be_visible()
            page.get_by_role("link", name="Close" if size == WIDE else "Back to the list").click()
            page.get_by_role("link", name="Status: 401").click()
            assert page.url == f"{logs_of(alice)}?token={partner['id']}"


def test_session_that_ended_leads_to_the_sign_in_and_not_into_the_list(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))
    page.context.clear_cookies()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.locator("#log").count() == 0


def test_answer_without_a_list_becomes_a_full_page_load(alice: Visitor) -> None:
    page = alice.page
    page.goto(logs_of(alice))

    def fail(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=502, body="<h1>Bad gateway</h1>")
        else:
            route.continue_()

    page.route("**/logs/**", fail)
    page.get_by_role("link", name=f"GET {ENTITIES}").first.click()
    page.wait_for_url(re.compile("/logs/[0-9]+/$"))
    expect(panel_of(page)).to_be_visible()


def test_counted_requests_are_reported_above_the_list(alice: Visitor) -> None:
    alice.page.goto(f"{logs_of(alice)}?outcome=refused")
    line = alice.page.get_by_text("12,345 more refused requests came from 203.0.113.9 between")
    expect(line).to_be_visible()
    alice.page.goto(f"{logs_of(alice)}?outcome=accepted")
    expect(line).to_have_count(0)


def test_every_page_of_the_log_is_valid_html(alice: Visitor, tmp_path: Path) -> None:
    logs, context = logs_of(alice), alice.page.context
    alice.page.goto(logs)
    request = (alice.page.locator(".log-rows .name").last.get_attribute("id") or "").removeprefix("request-")
    addresses = [
        "", f"{request}/?follow=on", "?follow=on", f"?cursor={request}&follow=on", "?status=418", "?outcome=refused",
        "?range=7d&since=x&until=y&endpoint=api&outcome=z&status=9&token=1&software=no-such&address=1.2", "?cursor=x",
    ]  # fmt: skip
    for number, address in enumerate(addresses):
        (tmp_path / f"{number}.html").write_bytes(context.request.get(logs + address).body())
    found = complaints(tmp_path)
    assert len(found) == len(addresses)
    assert not any(found.values()), found


@pytest.mark.timeout(600)
def test_every_page_of_the_log_follows_the_rules(browser: Browser, stack: Stack, partner: dict[str, Any]) -> None:
    with visiting(browser, stack) as visitor:
        visitor.page.on("dialog", lambda dialog: visitor.complaints.append(dialog.message))
        visitor.enter()
        for _name in tour(visitor):
            visitor.check_every_look()
