"""Pictures of every page into screenshots/, wide and narrow, light and dark: `make screenshots`."""

import sys
import tempfile
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import sync_playwright  # noqa: E402

import stack as product  # noqa: E402
from browser import log_tour, usage_tour  # noqa: E402
from browser.conftest import CHROMIUM  # noqa: E402
from browser.console_tour import as_member, empty, tour  # noqa: E402
from browser.operator_tour import as_operator  # noqa: E402
from browser.profiles import NARROW, WIDE, Scheme  # noqa: E402
from browser.visitor import visiting  # noqa: E402
from stack import PASSWORD  # noqa: E402
from usage_samples import remember  # noqa: E402

LOOKS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")]


def main() -> None:
    target = ROOT / "screenshots"
    target.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        product.running(Path(scratch), on_postgresql=False) as stack,
        sync_playwright() as playwright,
    ):
        ended = populate(stack)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for size, scheme in LOOKS:
            number = count(1)
            for pages in (
                as_member,
                as_operator,
                empty,
                lambda visitor: chain(tour(visitor, ended), log_tour.tour(visitor), usage_tour.tour(visitor)),
            ):
                with visiting(browser, stack, size, scheme) as visitor:
                    for name in pages(visitor):
                        called = f"{size[0]}-{scheme}-{next(number):02}-{name.replace(',', '').replace(' ', '-')}.png"
                        visitor.page.screenshot(path=target / called, full_page=True)
        browser.close()
    print(f"{len(list(target.glob('*.png')))} pictures in {target.relative_to(ROOT)}/")


def populate(stack: product.Stack) -> str:
    """Create a typical customer's tokens; return the id of a revoked one."""
    everyday = [
        ("Finance dashboards", "power-bi", "2d", ("--allow", "127.0.0.0/8")),
        ("Head office workbook", "excel", "30d", ("--allow", "198.51.100.0/24", "--allow", "2001:db8:17::/48")),
        ("Nightly load", "snowflake", "60d", ("--allow", "203.0.113.40")),
        ("Reconciliation script", "python", "90d", ()),
    ]
    tokens = []
    for name, software, expires, networks in everyday:
        token = stack.create_token(name, "--software", software, *networks, expires=expires)
        for path in ("/api/v2/entities", log_tour.HOSTILE):
            stack.get(path, auth=(token["username"], token["password"]))
        tokens.append(token["id"])
    stack.simsim("user", "create", "bob@acme.example", "--account", stack.account, "--role", "member",
                 "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    revoked: str = stack.create_token("Former partner", "--software", "zapier")["id"]
    stack.revoke(revoked)
    stack.wait_until(stack.log_rows, "the log has its rows")
    remember(stack.data, stack.account, tokens, now=datetime.now(UTC))
    return revoked


if __name__ == "__main__":
    main()
