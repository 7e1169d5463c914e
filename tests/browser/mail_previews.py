"""Every mail into mail-previews/, with pictures wide and narrow, light and dark: `make mail-previews`."""

import html
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings_for_tests"

import django  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

django.setup()

from browser.conftest import CHROMIUM  # noqa: E402
from browser.mail_window import LOOKS, opened  # noqa: E402
from mail_reading import letter  # noqa: E402
from mail_samples import Sample, hostile, samples  # noqa: E402

# A hostile sample as well: layouts break with long names and foreign scripts.
WORST = {"token_created-hostile-8", "token_requested-hostile-3"}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }
section { border-top: 1px solid #8884; padding: 1rem 0 2rem; }
.looks { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
img { border: 1px solid #8884; border-radius: .5rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 46rem; padding: 1rem; border: 1px solid #8884; }
"""


def main() -> None:
    target = ROOT / "mail-previews"
    target.mkdir(exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    shown = [*samples(), *(sample for sample in hostile() if sample.name in WORST)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        entries = [written(browser, sample, target) for sample in shown]
        browser.close()
    ways = "".join(f'<li><a href="#{sample.name}">{sample.name}</a></li>' for sample in shown)
    page = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Mails</title><style>{STYLE}</style>"
    (target / "index.html").write_text(f"{page}<h1>Mails</h1><ul>{ways}</ul>{''.join(entries)}", encoding="utf-8")
    print(f"{len(shown)} mails, {len(list(target.glob('*.png')))} pictures: {target.relative_to(ROOT)}/index.html")


def written(browser: Browser, sample: Sample, target: Path) -> str:
    """Write the mail and its pictures, and return its part of the index."""
    received = letter(sample.mail)
    (target / f"{sample.name}.eml").write_bytes(received.raw)
    (target / f"{sample.name}.txt").write_text(received.text, encoding="utf-8")
    (target / f"{sample.name}.html").write_text(received.html, encoding="utf-8")
    pictures = []
    for width, scheme in LOOKS:
        page = opened(browser, width, scheme)
        page.set_content(received.html)
        file = f"{sample.name}-{width}-{scheme}.png"
        page.screenshot(path=target / file, full_page=True)
        page.context.close()
        pictures.append(f'<img src="{file}" width="{width // 2}" alt="{width} pixels wide, {scheme}" loading="lazy">')
    names = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted")
    headers = "\n".join(f"{name}: {received.parsed[name]}" for name in names if received.parsed[name])
    parts = "".join(f'<a href="{sample.name}.{kind}">{kind}</a> ' for kind in ("html", "txt", "eml"))
    text = html.escape(f"{headers}\n\n{received.text}")
    return (
        f'<section id="{sample.name}"><h2>{html.escape(str(received.parsed["Subject"]))}</h2>'
        f"<p>{sample.name}: {parts}</p>"
        f'<div class="looks">{"".join(pictures)}</div><pre>{text}</pre></section>'
    )


if __name__ == "__main__":
    main()
