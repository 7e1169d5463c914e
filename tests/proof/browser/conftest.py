"""The browser and the product, as the suite's own tests in a browser have them."""

from browser.conftest import browser, ended, stack

__all__ = ["browser", "ended", "stack"]
