"""The mail catcher's pages: everything escaped, no script, nothing from elsewhere."""

import html
import re
from collections.abc import Sequence

from simsim.demo.mailbox import Mail

POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
# A mail's own HTML: its inline styles and nothing else, in an origin of its own, even when opened outside of its frame.
FRAME = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = f"sandbox {FRAME}; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
LINK = re.compile(r"https?://[^\s<>\"']+")

STYLE = """
:root { color-scheme: light dark; --line: #8884; --link: light-dark(#0b57d0, #8ab4f8); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
a { color: var(--link); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
pre, iframe { border: 1px solid var(--line); border-radius: .5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; }
iframe { width: 100%; height: 32rem; background: #fff; }
"""


def list_page(mails: Sequence[Mail]) -> str:
    """Return the page that lists the mails."""
    rows = "".join(
        f"<tr><td>{escaped(mail['sent_at'][:19].replace('T', ' '))} UTC</td><td>{escaped(mail['to'])}</td>"
        f'<td><a href="/messages/{escaped(mail["id"])}">{escaped(mail["subject"]) or "(no subject)"}</a></td></tr>'
        for mail in mails
    )
    head = '<thead><tr><th scope="col">Sent</th><th scope="col">To</th><th scope="col">Subject</th></tr></thead>'
    table = f"<table>{head}<tbody>{rows}</tbody></table>" if mails else "<p>Nothing was sent yet.</p>"
    return page("Mail", f"<p>What Simsim has sent, newest first. No mail leaves this machine.</p>{table}")


def mail_page(mail: Mail) -> str:
    """Return the page of one mail: its text, and its HTML in a frame that can do nothing."""
    facts = "".join(
        f"<dt>{name}</dt><dd>{escaped(mail[key])}</dd>"
        for name, key in (("To", "to"), ("Sent", "sent_at"), ("Message-ID", "message_id"))
    )
    source = f"/messages/{escaped(mail['id'])}/html"
    frame = f'<h2>HTML</h2><iframe sandbox="{FRAME}" title="HTML" src="{source}"></iframe>' if mail["html"] else ""
    text = f"<h2>Text</h2><pre>{linked(mail['text'])}</pre>"
    return page(mail["subject"], f'<p><a href="/">All mail</a></p><dl>{facts}</dl>{text}{frame}')


def framed(document: str) -> str:
    """Return a mail's HTML with its links opening beside the frame, where they lead somewhere."""
    return document.replace("<head>", '<head><base target="_blank">', 1)


def page(title: str, content: str) -> str:
    heading = escaped(title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>'
        f"<body><main><h1>{heading}</h1>{content}</main></body></html>"
    )


def linked(text: str) -> str:
    """Return the text, escaped, with its http addresses as links."""
    pieces, end = [], 0
    for found in LINK.finditer(text):
        address = escaped(found[0])
        pieces.append(f'{escaped(text[end : found.start()])}<a href="{address}" rel="noreferrer">{address}</a>')
        end = found.end()
    return "".join(pieces) + escaped(text[end:])


def escaped(text: str) -> str:
    return html.escape(text, quote=True)
