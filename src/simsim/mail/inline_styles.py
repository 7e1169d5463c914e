"""How a mail looks where its style sheet is thrown away: each element carries its own, in the light colours."""

import re
from collections.abc import Mapping

FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"
# Both, because a mail program knows one or the other: an address without a space must not widen a narrow window.
WRAP = "overflow-wrap:anywhere;word-break:break-word"
PLAIN_TABLE = "border-collapse:separate;border-spacing:0"
# By tag, or by tag and class. The colours are those of simsim.css; the dark ones are in the layout's own sheet.
STYLES: Mapping[str, str] = {
    "body": f"margin:0;padding:0;background:#f6f5f1;color:#1b2421;{FONT};font-size:16px;line-height:1.55",
    "table.page": f"{PLAIN_TABLE};width:100%;background:#f6f5f1",
    "td.margin": "padding:24px 12px 32px",
    "table.letter": f"{PLAIN_TABLE};width:100%;max-width:600px;margin:0 auto",
    "td.brand": "padding:0 4px 14px",
    "table.logo": PLAIN_TABLE,
    "td.wall": "width:32px;height:32px;padding:0;background:#0b6b5d;border-radius:9px;vertical-align:middle",
    "div.arch": "width:12px;height:16px;margin:0 auto;border:2px solid #ffffff;border-bottom:0;"
    "border-radius:8px 8px 0 0",
    "div.seed": "width:6px;height:8px;margin:5px auto 0;background:#ffd68a;border-radius:3px;font-size:0;line-height:0",
    "td.name": f"padding:0 0 0 10px;color:#1b2421;{FONT};font-size:19px;font-weight:700;letter-spacing:-.02em",
    "td.sheet": "padding:28px;background:#ffffff;border:1px solid #dedcd3;border-top:4px solid #0b6b5d;"
    "border-radius:4px 4px 14px 14px",
    "h1": f"margin:0 0 20px;color:#1b2421;{FONT};font-size:22px;font-weight:700;line-height:1.3;"
    f"letter-spacing:-.01em;{WRAP}",
    "h2": f"margin:26px 0 6px;color:#0b6b5d;{FONT};font-size:15px;font-weight:700;line-height:1.4",
    "p": f"margin:0 0 12px;color:#1b2421;{FONT};font-size:16px;line-height:1.55;{WRAP}",
    "p.clear": f"margin:6px 0 18px;color:#58645f;{FONT};font-size:13px;line-height:1.45;{WRAP}",
    "p.foot": f"margin:0 0 4px;color:#58645f;{FONT};font-size:13px;line-height:1.5;{WRAP}",
    "a": "color:#0b6b5d;text-decoration:underline",
    "table.facts": f"{PLAIN_TABLE};width:100%;margin:16px 0 4px;border-top:1px solid #dedcd3",
    "th": f"width:34%;padding:9px 16px 9px 0;border-bottom:1px solid #dedcd3;color:#58645f;{FONT};font-size:14px;"
    "font-weight:400;line-height:1.5;text-align:left;vertical-align:top",
    "td": f"padding:9px 0;border-bottom:1px solid #dedcd3;color:#1b2421;{FONT};font-size:15px;line-height:1.5;"
    f"text-align:left;vertical-align:top;{WRAP}",
    "table.button": f"{PLAIN_TABLE};margin:14px 0 0",
    "td.go": "padding:1px 3px;background:#0b6b5d;border:1px solid #0b6b5d;border-radius:10px",
    "td.stop": "padding:1px 3px;background:#a3262f;border:1px solid #a3262f;border-radius:10px",
    "td.look": "padding:1px 3px;background:#ffffff;border:1px solid #8b958f;border-radius:10px",
    "a.press": f"display:inline-block;padding:11px 17px;color:#ffffff;{FONT};font-size:15px;font-weight:600;"
    "line-height:1.3;text-decoration:none",
    "a.press-look": f"display:inline-block;padding:11px 17px;color:#1b2421;{FONT};font-size:15px;font-weight:600;"
    "line-height:1.3;text-decoration:none",
    "div.real": "margin:28px 0 0;padding:16px 18px 6px;background:#f6f5f1;border-left:4px solid #ffd68a;"
    "border-radius:4px",
    "h2.real": f"margin:0 0 6px;color:#1b2421;{FONT};font-size:14px;font-weight:700;line-height:1.4",
    "p.real": f"margin:0 0 10px;color:#1b2421;{FONT};font-size:14px;line-height:1.5;{WRAP}",
    "td.end": "padding:16px 4px 0",
}
# Texts that people wrote are escaped already, so each "<" is a template's own.
_tag = re.compile(r"<([a-z][a-z0-9]*)((?:\s[^<>]*)?)>")
_class = re.compile(r'\sclass="([^"]+)"')


def dressed(html: str) -> str:
    """Return the HTML with a style on each element that has one in STYLES, and none yet."""
    return _tag.sub(_with_style, html)


def _with_style(found: re.Match[str]) -> str:
    tag, attributes = found[1], found[2]
    named = _class.search(attributes)
    style = STYLES.get(f"{tag}.{named[1]}" if named else tag)
    if style is None or " style=" in attributes:
        return found[0]
    return f'<{tag}{attributes} style="{style}">'
