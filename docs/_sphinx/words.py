"""The words of the search index: those of the pages, and others that readers use for the same things."""

import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

OTHER_WORDS = {
    "start/index": "quickstart getting started tutorial try laptop local evaluate",
    "operators/backup": "back up dump disaster recovery",
    "operators/health": "monitoring alerts alarm metrics",
    "operators/tls": "HTTPS certificate SSL",
    "administrators/people": "colleague invite user member role",
    "administrators/notices": "who gets an email when a token expires reminder",
    "administrators/mails": "phishing genuine",
    "administrators/logs": "why was a request refused",
    "administrators/tokens": "create IP address restrict",
    "administrators/usage": "how many requests were made with each token find unused statistics",
    "integrators/connect": "401 403 429 503 wrong password username",
}


class Words(SearchEnglish):
    """English, and statuses such as 401, which Sphinx leaves out as it leaves out every number."""

    def word_filter(self, word: str) -> bool:
        return super().word_filter(word) or (word.isdigit() and len(word) == 3)


def write(app: Sphinx) -> None:
    """Write the other words as a script for the search page, which counts them as if they stood in the page's title."""
    made = Path(app.doctreedir) / "other_words.js"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(f"const OTHER_WORDS = {json.dumps(OTHER_WORDS, indent=2)};\n", encoding="utf-8")
    app.config.html_static_path.append(str(made))
