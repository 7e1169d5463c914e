"""The console's colours as the site's stylesheet: one source, so that the two can't drift apart."""

import re
from pathlib import Path

from sphinx.application import Sphinx

CONSOLE = Path(__file__).parents[2] / "src/simsim/console/static/console"
BLOCKS = {
    "light": re.compile(r'^:root, \[data-bs-theme="light"\] \{(.*?)\}', re.DOTALL | re.MULTILINE),
    "dark": re.compile(r'^\[data-bs-theme="dark"\] \{(.*?)\}', re.DOTALL | re.MULTILINE),
}
# Furo chooses dark where the reader chose it, and where the system is dark and the reader did not choose light.
SHEET = """body {{{light}}}
@media not print {{
  body[data-theme="dark"] {{{dark}}}
  @media (prefers-color-scheme: dark) {{ body:not([data-theme="light"]) {{{dark}}} }}
}}
"""


def stylesheet(console: str) -> str:
    """Return the stylesheet that gives the site the colours of the console's; raise ValueError if it names none."""
    found = {scheme: block.search(console) for scheme, block in BLOCKS.items()}
    missing = [scheme for scheme, block in found.items() if block is None]
    if missing:
        raise ValueError(f"the console's stylesheet has no colours for {', '.join(missing)}")
    return SHEET.format(**{scheme: block[1] for scheme, block in found.items() if block})


def write(app: Sphinx) -> None:
    """Write the stylesheet beside the site's other files before they are copied."""
    made = Path(app.doctreedir) / "console.css"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(stylesheet((CONSOLE / "simsim.css").read_text(encoding="utf-8")), encoding="utf-8")
    app.config.html_static_path.append(str(made))
