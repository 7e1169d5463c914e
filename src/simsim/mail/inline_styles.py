"""Puts an email's styles on its elements, because some email programs drop its style sheet."""

from pathlib import Path

from css_inline import CSSInliner

# Keep the layout's own style sheet, because its rules can't be put on elements. Never fetch anything.
_inliner = CSSInliner(
    inline_style_tags=False,
    keep_style_tags=True,
    load_remote_stylesheets=False,
    extra_css=Path(__file__).with_name("letter.css").read_text(encoding="utf-8"),
)


def with_inline_styles(page: str) -> str:
    """Return a whole HTML document with the styles of letter.css on its elements."""
    return _inliner.inline(page)
