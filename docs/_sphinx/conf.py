"""How Sphinx builds the documentation site: `make docs`."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.search import languages

sys.path.insert(0, str(Path(__file__).parent))

import colours
import reference
import site_files
import words

project = "Simsim"
version = release = installed_version("simsim")
extensions = ["myst_parser"]
exclude_patterns = ["_sphinx", "images"]
templates_path = ["templates"]
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
# Some examples are parts of a file, which no lexer takes whole. Such a block only goes without colours.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "Simsim"
# The console's policy holds for the site too, so the site needs the console's script for it.
html_static_path = ["static", "../../src/simsim/console/static/console/trusted.js"]
html_favicon = html_logo = str(colours.CONSOLE / "mark.svg")
# Served under /docs/, so the console is at the root of the same host.
html_context = {"console_url": "/"}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/console.html",
        "sidebar/scroll-end.html",
    ]
}
html_css_files = ["console.css", "site.css"]
html_js_files = [("scrolling.js", {"defer": "defer"})]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_permalinks_icon = "#"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def setup(app: Sphinx) -> dict[str, bool]:
    languages["en"] = words.Words
    # Pygments has no lexer for these.
    app.add_lexer("caddyfile", TextLexer)
    app.add_lexer("haproxy", TextLexer)
    app.add_directive("generated", reference.Generated)
    app.connect("builder-inited", colours.write)
    app.connect("builder-inited", words.write)
    # After Furo's own touch, which writes stylesheets.
    app.connect("build-finished", site_files.finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
