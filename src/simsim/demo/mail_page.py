"""The mail catcher's pages: everything is escaped, without scripts or external resources."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from simsim.demo.mailbox import Mail

POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
# An email's HTML may only have inline styles, and gets an opaque origin, even when opened outside its frame.
FRAME = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = f"sandbox {FRAME}; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
LINK = re.compile(r"https?://[^\s<>\"']+")

STYLE = Path(__file__).with_name("mail.css").read_text(encoding="utf-8")
MARK = (
    '<svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">'
    '<rect width="32" height="32" rx="9" fill="#0b6b5d"/>'
    '<path d="M9 25.5V15a7 7 0 0 1 14 0v10.5" fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"/>'
    '<path d="M16 13.5c2.1 2.4 3.1 4.3 3.1 6a3.1 3.1 0 0 1-6.2 0c0-1.7 1-3.6 3.1-6z" fill="#ffd68a"/></svg>'
)


def list_page(mails: Sequence[Mail]) -> str:
    """Return the page that lists the emails."""
    rows = "".join(
        f'<li><a href="/messages/{escaped(mail["id"])}">{escaped(mail["subject"]) or "(no subject)"}</a>'
        f'<span class="when">{when(mail)}</span><p>{escaped(beginning(mail["text"]))}</p>'
        f'<span class="to">to {escaped(mail["to"])}</span></li>'
        for mail in mails
    )
    # The role is needed because Safari does not treat a list without markers as a list.
    found = f'<ul class="mails" role="list">{rows}</ul>' if mails else '<p class="none">No mail has been sent yet.</p>'
    lead = 'All mail from Simsim, newest first. No mail leaves this machine. <a href="/">Refresh</a>'
    return page("Mail", f'<h1>Mail</h1><p class="lead">{lead}</p>{found}')


def mail_page(mail: Mail) -> str:
    """Return the page of one mail: its text, and its HTML in a sandboxed frame."""
    facts = (("To", escaped(mail["to"])), ("Sent", when(mail)), ("Message-ID", escaped(mail["message_id"])))
    listed = "".join(f"<dt>{name}</dt><dd>{fact}</dd>" for name, fact in facts)
    source = f"/messages/{escaped(mail['id'])}/html"
    frame = f'<iframe sandbox="{FRAME}" title="The mail as HTML" src="{source}"></iframe>'
    alone = f'<a href="{source}">Open in a separate page</a>'
    shown = f"<section><h2>As HTML <small>{alone}</small></h2>{frame}</section>" if mail["html"] else ""
    bodies = (
        f'<div class="bodies">{shown}<section><h2>As text</h2><pre>{linked(mail["text"].strip())}</pre></section></div>'
    )
    subject = mail["subject"] or "(no subject)"
    return page(subject, f'<a href="/">All mail</a><h1>{escaped(subject)}</h1><dl>{listed}</dl>{bodies}')


def when(mail: Mail) -> str:
    return f'<time datetime="{escaped(mail["sent_at"])}">{escaped(mail["sent_at"][:16].replace("T", " "))} UTC</time>'


def beginning(text: str) -> str:
    """Return the preview that mail programs show beside the subject: the first line after the first heading."""
    lines = [line for line in text.split("\n") if line]
    return next(iter(lines[1:] if lines[:1] == ["What happened"] else lines), "")[:200]


def framed(document: str) -> str:
    """Return an email's HTML with links that open outside the frame, where they work."""
    return document.replace("<head>", '<head><base target="_blank">', 1)


def page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)} · Simsim’s demo</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/style.css"></head><body><header>{MARK}<a href="/">Simsim</a>'
        f"<small>the demo’s mail</small></header><main>{content}</main></body></html>"
    )


def linked(text: str) -> str:
    """Return the escaped text with its http addresses as links."""
    pieces, end = [], 0
    for found in LINK.finditer(text):
        address = escaped(found[0])
        pieces.append(f'{escaped(text[end : found.start()])}<a href="{address}" rel="noreferrer">{address}</a>')
        end = found.end()
    return "".join(pieces) + escaped(text[end:])


def escaped(text: str) -> str:
    return html.escape(text, quote=True)
