"""The documentation site, which `make docs` builds into the package, for people who are signed in."""

import re
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from simsim.console.errors import Explanation, page_of
from simsim.console.static_files import takes_gzip

INDEX = "index.html"
MAX_PATH_LENGTH = 200
# No part may begin with a dot, so that `..` never matches.
FILE = re.compile(r"(?:\w[\w-]*/)*\w[\w.-]*\.(?P<kind>\w+)", re.ASCII)
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@login_required
@require_safe
def documentation(request: HttpRequest, path: str) -> HttpResponse:
    """Return a file of the site; raise Http404 for a missing file. Without a site, explain how to build it."""
    root: Path = settings.DOCUMENTATION_ROOT
    if not (root / INDEX).is_file():
        return page_of(request, not_built())
    name = f"{path}{INDEX}" if path == "" or path.endswith("/") else path
    known = FILE.fullmatch(name)
    kind = TYPES.get(known["kind"]) if known else None
    if kind is None or len(name) > MAX_PATH_LENGTH or not (root / name).is_file():
        raise Http404
    return contents(root / name, kind, compressed=takes_gzip_of(request))


def not_built() -> Explanation:
    return Explanation(
        404,
        gettext("The documentation is not built"),
        gettext("This is a checkout of the source code. A released package contains the documentation."),
        gettext("To build it here, run “make docs” in the checkout, then reload this page."),
        "book-open",
    )


def contents(path: Path, kind: str, *, compressed: bool) -> HttpResponse:
    """Return a file, or its compressed copy. Compression is safe: the site contains no secrets."""
    smaller = path.with_name(f"{path.name}.gz")
    is_smaller = compressed and smaller.is_file()
    response = HttpResponse((smaller if is_smaller else path).read_bytes(), content_type=kind)
    response.headers["Vary"] = "Accept-Encoding"
    if is_smaller:
        response.headers["Content-Encoding"] = "gzip"
    return response


def takes_gzip_of(request: HttpRequest) -> bool:
    return takes_gzip([(b"accept-encoding", request.headers.get("Accept-Encoding", "").encode("latin-1", "replace"))])
