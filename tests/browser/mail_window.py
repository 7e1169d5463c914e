"""Browser windows to read mails in: wide and narrow, light and dark."""

from playwright.sync_api import Browser, Page

from browser.profiles import Scheme

LOOKS: list[tuple[int, Scheme]] = [(700, "light"), (700, "dark"), (320, "light"), (320, "dark")]


def opened(browser: Browser, width: int, scheme: Scheme) -> Page:
    return browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme).new_page()
