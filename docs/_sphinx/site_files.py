"""The last touch on the built site: what no reader needs is removed, and the rest gets compressed copies."""

import gzip
from pathlib import Path

from sphinx.application import Sphinx

COMPRESSED = (".html", ".css", ".js", ".svg")
# Read by other Sphinx projects, by Sphinx itself at its next run, and by developers of Furo.
UNNEEDED = ("objects.inv", ".buildinfo", "**/*.map", "**/*.LICENSE.txt")


def finish(app: Sphinx, error: Exception | None) -> None:
    """Remove what is not needed and compress what is; do nothing after an error."""
    if error is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    for pattern in UNNEEDED:
        for path in site.glob(pattern):
            path.unlink()
    for path in site.rglob("*"):
        if path.suffix in COMPRESSED:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
