"""README's pictures into docs/images/, taken of a new demo: `make readme-pictures`."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import FloatRect, Page, sync_playwright  # noqa: E402

from browser.conftest import CHROMIUM  # noqa: E402
from browser.small_png import with_palette  # noqa: E402
from processes import wait_for  # noqa: E402
from running_demo import Demo  # noqa: E402
from simsim.demo.installation import free_port  # noqa: E402

# Tall enough for whole pages: nothing has to be scrolled.
WINDOW, SCALE = (1280, 2400), 2
WIDE = (1280, 1000)
# README shows two of the small ones beside each other: these have the same form, and no menu.
SMALL = (800, 684)
MARGIN = 12
TARGET = ROOT / "docs" / "images"


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        demo = Demo(Path(scratch) / "demo")
        # The console shows the gateway's address: if possible, that of `make demo`.
        demo.use_ports(free_port(8000), free_port(8080))
        try:
            demo.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            width, height = WINDOW
            window = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="light", device_scale_factor=SCALE
            )
            page, blank = window.new_page(), window.new_page()
            for name, clip in pictures(page, demo):
                # Nothing looks as if the pointer were on it.
                page.mouse.move(0, 0)
                png = with_palette(blank, page.screenshot(clip=clip, animations="disabled"))
                (TARGET / f"{name}.png").write_bytes(png)
                print(f"docs/images/{name}.png: {len(png) // 1000} kB")
            browser.close()
        finally:
            demo.stop()


def pictures(page: Page, demo: Demo) -> Iterator[tuple[str, FloatRect]]:
    """Go through the console as Alice; yield the name of each picture and the part of the window that it shows."""
    alice = demo.answers["administrator"]
    page.goto(demo.answers["console_url"])
    page.get_by_label("Email").fill(alice["email"])
    page.get_by_label("Password").fill(alice["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/tokens/")
    tokens = page.url

    page.goto(tokens.replace("/tokens/", "/logs/"))
    wait_for(lambda: page.reload() and page.get_by_text("No token").count(), 20, demo.printed)
    box = box_of(page, "main table")
    width = box["width"] + 2 * MARGIN
    height = width * SMALL[1] / SMALL[0]
    yield "log", {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN, "width": width, "height": height}

    page.goto(tokens)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    yield "tokens", {"x": 0, "y": 0, "width": WIDE[0], "height": WIDE[1]}
    page.set_viewport_size({"width": WINDOW[0], "height": WINDOW[1]})

    page.get_by_role("link", name="Finance dashboards").click()
    page.get_by_label("Network 1").fill("192.0.2.0/28")
    page.get_by_role("button", name="Preview", exact=True).click()
    page.locator("#preview .notice").wait_for()
    yield "preview", small(page, "#networks legend")

    page.goto(tokens)
    page.get_by_role("link", name="Create it").click()
    page.get_by_role("button", name="Create token").last.click()
    page.get_by_role("button", name="Test it now").click()
    page.get_by_text("It works").wait_for()
    yield "credentials", small(page, "main [role=status]")


def small(page: Page, first: str) -> FloatRect:
    """Return the part of the window for a small picture that begins above the first element of that selector."""
    left, top = box_of(page, "main")["x"] - MARGIN, box_of(page, first)["y"] - MARGIN
    return {"x": left, "y": top, "width": SMALL[0], "height": SMALL[1]}


def box_of(page: Page, selector: str) -> FloatRect:
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    return box


if __name__ == "__main__":
    main()
