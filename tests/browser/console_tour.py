"""A tour through every page of the console, which yields the name of each page."""

from collections.abc import Iterator

from browser.visitor import Visitor


def tour(visitor: Visitor, ended: str) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown."""
    yield from way_in(visitor)
    yield from tokens(visitor, ended)
    yield from one_token(visitor)
    yield from around(visitor)


def way_in(visitor: Visitor) -> Iterator[str]:
    page = visitor.page
    page.goto(visitor.home)
    yield "sign-in"
    visitor.follow("Forgot")
    yield "forgotten password"
    visitor.sign_in(password="wrong")
    page.get_by_role("alert").wait_for()
    yield "sign-in, refused"
    visitor.sign_in()
    page.wait_for_url("**/tokens/")


def tokens(visitor: Visitor, ended: str) -> Iterator[str]:
    page = visitor.page
    yield "tokens"
    page.goto(f"{visitor.tokens}?q=nothing+like+it")
    yield "tokens, none found"
    page.goto(f"{visitor.tokens}ended/")
    yield "ended tokens"
    page.goto(f"{visitor.tokens}{ended}/")
    yield "ended token"
    page.goto(f"{visitor.tokens}new/")
    yield "create"
    page.get_by_role("combobox", name="Target software").click()
    page.get_by_role("option", name="Tableau").wait_for()
    yield "create, choosing the software"
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Name").fill(f"Sales report {visitor.look}")
    page.get_by_label("Network 1").fill("10.0.0.1/8")
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_role("alert").wait_for()
    yield "create, refused"
    page.get_by_label("Network 1").fill("127.0.0.0/8")
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_label("Username", exact=True).wait_for()
    page.get_by_role("button", name="Test it now").click()
    page.get_by_text("It works").wait_for()
    yield "credentials"


def one_token(visitor: Visitor) -> Iterator[str]:
    page = visitor.page
    visitor.follow("Open the token")
    yield "token"
    page.get_by_role("button", name="Show username and password").click()
    page.get_by_label("Username", exact=True).wait_for()
    yield "token with its credentials"
    visitor.follow("Rotate…")
    yield "rotate"
    page.get_by_role("button", name="Create new password").click()
    page.get_by_label("Username", exact=True).wait_for()
    yield "rotated"
    visitor.follow("Open the token")
    # By then, the test is in the log: this list would have refused it.
    page.get_by_label("Network 1").fill("10.0.0.0/8")
    visitor.stack.wait_until(lambda: previewed(visitor), "the preview knows of the test")
    page.get_by_role("button", name="Save changes").last.click()
    page.get_by_role("button", name="Save anyway").wait_for()
    yield "preview of a list"
    page.get_by_role("button", name="Save as report only").click()
    page.get_by_role("status").wait_for()
    yield "list that only reports"
    yield from paused(visitor)
    page.get_by_role("link", name="Revoke…").click()
    page.get_by_role("dialog").wait_for()
    yield "revoke, in a dialog"
    page.goto(f"{page.url.split('#')[0]}revoke/")
    yield "revoke"
    page.get_by_label("Other", exact=True).check()
    page.get_by_role("button", name="Revoke token").click()
    page.get_by_role("status").wait_for()
    yield "revoked"


def paused(visitor: Visitor) -> Iterator[str]:
    page = visitor.page
    token = page.url.split("#")[0]
    page.get_by_role("link", name="Pause…").click()
    page.get_by_role("dialog").get_by_text("Until a date").click()
    yield "pause, in a dialog"
    page.get_by_role("button", name="Pause token").click()
    page.get_by_role("alert").get_by_text("Enter the last day").wait_for()
    yield "pause, refused"
    page.get_by_text("24 hours", exact=True).click()
    page.get_by_label("Why?").fill("Requests at night from addresses that nobody here knows")
    page.get_by_role("button", name="Pause token").click()
    page.get_by_role("status").wait_for()
    yield "paused token"
    page.goto(f"{visitor.tokens}?attention=paused")
    yield "tokens, paused"
    page.goto(f"{token}pause/")
    yield "change of a pause"
    page.goto(f"{token}resume/")
    yield "resume"
    page.get_by_role("button", name="Resume token").click()
    page.get_by_role("status").wait_for()


def previewed(visitor: Visitor) -> bool:
    visitor.page.get_by_role("button", name="Preview", exact=True).click()
    visitor.page.locator("#preview .notice").wait_for()
    return visitor.page.locator("#preview .notice-bad").count() == 1


def around(visitor: Visitor) -> Iterator[str]:
    page = visitor.page
    account = f"{visitor.home}accounts/{visitor.stack.account}/"
    for address in ("destinations", "api", "logs", "logs/?outcome=refused&status=4xx", "usage", "connect",
                    "connect/excel", "connect/postman", "connect/anything", "people", "people/invite",
                    "notices", "policies"):  # fmt: skip
        page.goto(f"{account}{address}{'' if '?' in address else '/'}")
        yield address.replace("/?outcome=refused&status=4xx", ", filtered").replace("/", " ")
    page.goto(f"{account}logs/?status=nonsense")
    yield "logs, refused"
    page.goto(f"{account}people/")
    visitor.follow("Remove…")
    yield "remove a person"
    page.locator(".person summary").click()
    yield "menu"
    for address, name in (("nothing", "not found"), ("sign-in/password/change/", "change password"),
                          ("sign-in/reauthenticate/", "is it still you"), ("sign-in/logout/", "sign out")):  # fmt: skip
        page.goto(visitor.home + address)
        yield name


def empty(visitor: Visitor) -> Iterator[str]:
    """Visit the pages of an empty account."""
    page = visitor.page
    visitor.enter("charlie@globex.example")
    page.get_by_text("No active tokens yet").wait_for()
    yield "tokens, empty"
    tokens = page.url
    page.goto(f"{tokens}ended/")
    yield "ended tokens, empty"
    page.goto(tokens.replace("/tokens/", "/logs/"))
    page.get_by_text("No requests yet").wait_for()
    yield "logs, empty"
    page.goto(tokens.replace("/tokens/", "/usage/"))
    page.get_by_text("No requests yet").wait_for()
    yield "usage, empty"
    page.goto(tokens.replace("/tokens/", "/api/"))
    yield "API, empty"


def as_member(visitor: Visitor) -> Iterator[str]:
    """Visit a member's pages."""
    page = visitor.page
    visitor.enter("bob@acme.example")
    page.get_by_role("heading", name="Administrators manage the tokens").wait_for()
    yield "member"
    page.get_by_role("textbox", name="Name of the token").fill(f"Budget model {visitor.look}")
    page.get_by_role("textbox", name="What is it for?").fill("The budget for next year, in Excel on my own machine.")
    page.get_by_role("button", name="Ask an administrator").click()
    page.get_by_text("Waiting").first.wait_for()
    yield "member, having asked"
    for part in ("connect", "api", "destinations"):
        page.goto(f"{visitor.home}accounts/{visitor.stack.account}/{part}/")
        yield f"member, {part}"
    page.goto(visitor.tokens)
    yield "member, not permitted"
