"""A tour through the usage pages."""

from collections.abc import Iterator

from browser.visitor import Visitor

BY = ("token", "software", "endpoint", "status")


def usage_of(visitor: Visitor) -> str:
    return f"{visitor.home}accounts/{visitor.stack.account}/usage/"


def tour(visitor: Visitor) -> Iterator[str]:
    """Visit every page; yield the name of each when it is shown."""
    page, usage = visitor.page, usage_of(visitor)
    for span, by in zip(("30d", "7d", "90d", "24h"), BY, strict=True):
        page.goto(f"{usage}?range={span}&by={by}")
        yield f"usage, {span} by {by}"
    page.locator(".behind summary").click()
    yield "usage, the numbers"
