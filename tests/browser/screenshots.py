"""Pictures of every page into screenshots/, wide and narrow, light and dark: `make screenshots`."""

import sys
import tempfile
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import sync_playwright  # noqa: E402

import stack as product  # noqa: E402
from browser import test_logs_pages as logs  # noqa: E402
from browser.conftest import CHROMIUM  # noqa: E402
from browser.test_pages import LOOKS, tour  # noqa: E402
from browser.visitor import visiting  # noqa: E402


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
            with visiting(browser, stack, size, scheme) as visitor:
                for number, name in enumerate(chain(tour(visitor, ended), logs.tour(visitor)), 1):
                    file = target / f"{size[0]}-{scheme}-{number:02}-{name.replace(',', '').replace(' ', '-')}.png"
                    visitor.page.screenshot(path=file, full_page=True)
        browser.close()
    print(f"{len(list(target.glob('*.png')))} pictures in {target.relative_to(ROOT)}/")


def populate(stack: product.Stack) -> str:
    """Create what a customer's list looks like; return the id of a revoked token."""
    everyday = [
        ("Finance dashboards", "power-bi", "2d", ("--allow", "127.0.0.0/8")),
        ("Head office workbook", "excel", "30d", ("--allow", "198.51.100.0/24", "--allow", "2001:db8:17::/48")),
        (
            "Nightly load",
            "snowflake",
            "60d",
            (
                "--allow",
                "203.0.113.40",
            ),
        ),
        ("Reconciliation script", "python", "90d", ()),
    ]
    for name, software, expires, networks in everyday:
        token = stack.create_token(name, "--software", software, *networks, expires=expires)
        for path in ("/api/v2/entities", logs.HOSTILE):
            stack.get(path, auth=(token["username"], token["password"]))
    revoked: str = stack.create_token("Former partner", "--software", "zapier")["id"]
    stack.revoke(revoked)
    stack.wait_until(stack.log_rows, "the log has its rows")
    return revoked


if __name__ == "__main__":
    main()
