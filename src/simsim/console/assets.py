"""The console's files: ours, and exactly those of the installed packages that our pages refer to."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage

# The address under /static/: the package that has the file, and where in it.
NEEDED = {
    "bootstrap/bootstrap.min.css": ("bootstrap_wrapper", "../bootstrap/css/bootstrap.min.css"),
    "htmx/htmx.min.js": ("django_htmx", "static/django_htmx/htmx-4.min.js"),
}


class InstalledPackages(BaseFinder):
    """Finds the needed files where their packages are installed, so that none is copied into this repository."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.storage = OneByOne()

    def check(self, **_: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        found = self.storage.path(path) if path in NEEDED else None
        if find_all:
            return [found] if found else []
        return found or []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        for path in NEEDED:
            yield path, self.storage


class OneByOne(FileSystemStorage):
    """Reads each needed file from its own package."""

    prefix = ""

    def path(self, name: str) -> str:
        package, inside = NEEDED[name]
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(package)
        return str((Path(spec.origin).parent / inside).resolve(strict=True))


class HashedAssets(ManifestStaticFilesStorage):
    """Names each file after its contents, so that browsers may keep it for ever."""

    # Without Django's patterns for sourceMappingURL: the packages name maps that are not among the needed files, and
    # collecting would end with an error.
    patterns = (("*.css", (r"""(?P<matched>url\(['"]{0,1}\s*(?P<url>.*?)["']{0,1}\))""",)),)
