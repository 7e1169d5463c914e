"""The console's static files: our own and a few of installed packages, each named after its contents."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bootstrap_wrapper
import django_htmx
import ninja
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage

BOOTSTRAP = Path(bootstrap_wrapper.get_bootstrap_dir()) / "css"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx"
SWAGGER_UI = Path(ninja.__file__).parent / "static" / "ninja"
# The directory and the names of the served files, by their prefix in the static URL.
SERVED_FILES = {
    "bootstrap": (BOOTSTRAP, ("bootstrap.min.css",)),
    "htmx": (HTMX, ("htmx-4.min.js",)),
    "swagger-ui": (SWAGGER_UI, ("swagger-ui-bundle.js", "swagger-ui.css")),
}
COMPRESSED = ".gz"


class PackageFiles(FileSystemStorage):
    """A directory of an installed package; Django puts `prefix` before the names of its files."""

    def __init__(self, directory: Path, prefix: str) -> None:
        super().__init__(location=directory)
        self.prefix = prefix


class PackageFinder(BaseFinder):
    """Finds only the files of SERVED_FILES, where pip installed them: nothing is copied, and nothing else is served."""

    def check(self, **kwargs: Any) -> list[Any]:
        del kwargs
        return []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, PackageFiles]]:
        """Yield the name of each file, without its prefix, and its storage."""
        del ignore_patterns
        for prefix, (directory, names) in SERVED_FILES.items():
            for name in names:
                yield name, PackageFiles(directory, prefix)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the file at the static path; with `find_all`, a list with that file, or an empty list."""
        all_wanted = find_all or kwargs.get("all", False)
        prefix, _, name = path.partition("/")
        directory, names = SERVED_FILES.get(prefix, (None, ()))
        found = [str(directory / name)] if directory and name in names else []
        return found if all_wanted else (found[0] if found else [])


class HashedAssets(ManifestStaticFilesStorage):
    """Names each file after its contents, so that browsers can cache it forever, and stores a compressed copy."""

    # Rewrites the imports between modules too: `console.static_files` serves hashed names only.
    support_js_module_import_aggregation = True
    # Leave out the rules for sourceMappingURL comments: Django fails if a source map is not served, and we serve none.
    patterns = tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for glob, rules in ManifestStaticFilesStorage.patterns
    )

    def post_process(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Compress each file after Django has named it; yield the same results as Django."""
        for original, hashed, processed in super().post_process(*args, **kwargs):
            if hashed and not isinstance(processed, Exception):
                compress(Path(self.path(hashed)))
            yield original, hashed, processed


def compress(path: Path) -> None:
    """Store a gzip copy beside the file, atomically; no copy if it would not be smaller."""
    contents = path.read_bytes()
    smaller = gzip.compress(contents, 9, mtime=0)
    if len(smaller) < len(contents):
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(smaller)
        part.replace(path.with_name(path.name + COMPRESSED))
