"""A tour through the pages of webhooks, to a receiver on this machine that answers as it is told."""

from collections.abc import Iterator

from browser.visitor import Visitor
from webhook_receiver import Receiver


def webhooks(visitor: Visitor) -> str:
    return f"{visitor.home}accounts/{visitor.stack.account}/webhooks/"


def tour(visitor: Visitor, receiver: Receiver, url: str) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown. Leaves no webhook behind."""
    page = visitor.page
    visitor.enter()
    page.goto(webhooks(visitor))
    yield "webhooks, none"
    page.get_by_role("link", name="Add webhook").click()
    page.get_by_label("Name").fill(f"Ticket system {visitor.look}")
    yield "add a webhook"
    page.get_by_label("URL").fill("https://10.0.0.7/hook")
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Add webhook").click()
    page.get_by_role("alert").wait_for()
    yield "add a webhook, refused"
    page.get_by_label("URL").fill(url)
    page.get_by_role("checkbox", name="A token is created").check()
    page.get_by_role("button", name="Add webhook").click()
    receiver.secrets = [page.get_by_label("Secret", exact=True).input_value()]
    yield "secret of a webhook"
    page.get_by_role("link", name="Done").click()
    page.get_by_text("Nothing was sent yet").wait_for()
    yield "webhook, nothing sent"
    receiver.status = 503
    send_test_event(visitor, "503")
    receiver.status = 204
    visitor.stack.create_token(f"Told {visitor.look}")
    for _ in range(50):
        if "token.created" in receiver.types():
            break
        page.wait_for_timeout(200)
    page.reload()
    page.get_by_text("204 No Content").wait_for()
    yield "webhook"
    page.get_by_role("link", name="Test event").click()
    page.get_by_role("button", name="Send again").wait_for()
    yield "delivery of a webhook"
    page.get_by_role("link", name="Ticket system").click()
    page.get_by_role("link", name="New secret…").click()
    yield "new secret of a webhook"
    page.get_by_role("button", name="Create new secret").click()
    page.get_by_label("Secret", exact=True).wait_for()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Edit…").click()
    yield "edit a webhook"
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    yield "webhook, paused"
    page.goto(webhooks(visitor))
    yield "webhooks"
    page.get_by_role("link", name="Ticket system").click()
    page.get_by_role("link", name="Remove…").click()
    yield "remove a webhook"
    page.get_by_role("button", name="Remove webhook").click()
    page.get_by_text("was removed").wait_for()


def send_test_event(visitor: Visitor, answer: str) -> None:
    """Press the button, and reload the page until it shows the answer, as the message says."""
    page = visitor.page
    page.get_by_role("button", name="Send a test event").click()
    page.get_by_role("status").wait_for()
    for _ in range(50):
        if page.get_by_role("cell", name=answer).count():
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError(f"no answer {answer} was shown")
