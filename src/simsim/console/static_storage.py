"""The console's files: ours, and the few that we use of installed packages, each named after its contents."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bootstrap_wrapper
import django_htmx
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage

BOOTSTRAP = Path(bootstrap_wrapper.get_bootstrap_dir()) / "css"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx"
# Under which prefix of the static address which files of which directory are served.
USED = {"bootstrap": (BOOTSTRAP, ("bootstrap.min.css",)), "htmx": (HTMX, ("htmx-4.min.js",))}
COMPRESSED = ".gz"


class PackageFiles(FileSystemStorage):
    """A directory of an installed package; `prefix` is what Django puts before its names."""

    def __init__(self, directory: Path, prefix: str) -> None:
        super().__init__(location=directory)
        self.prefix = prefix


class InstalledPackages(BaseFinder):
    """Finds exactly the files of USED, where pip put them: no copy in the repository, nothing served by accident."""

    def check(self, **kwargs: Any) -> list[Any]:
        del kwargs
        return []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, PackageFiles]]:
        """Yield the name of each file below its prefix, and where it rests."""
        del ignore_patterns
        for prefix, (directory, names) in USED.items():
            for name in names:
                yield name, PackageFiles(directory, prefix)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the file at the static path, a list of one or none when all are asked for."""
        all_wanted = find_all or kwargs.get("all", False)
        prefix, _, name = path.partition("/")
        directory, names = USED.get(prefix, (None, ()))
        found = [str(directory / name)] if directory and name in names else []
        return found if all_wanted else (found[0] if found else [])


class HashedAssets(ManifestStaticFilesStorage):
    """Names each file after its contents, so that a browser keeps it for good, and lays a compressed copy beside it."""

    # Rewrites the imports between modules too: `console.static_files` serves hashed names only.
    support_js_module_import_aggregation = True
    # Django also follows sourceMappingURL comments, and aborts on a map that is not served: ours never are.
    patterns = tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for glob, rules in ManifestStaticFilesStorage.patterns
    )

    def post_process(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Compress each file after Django has named it; what Django yields is passed on."""
        for original, hashed, processed in super().post_process(*args, **kwargs):
            if hashed and not isinstance(processed, Exception):
                compress(Path(self.path(hashed)))
            yield original, hashed, processed


def compress(path: Path) -> None:
    """Lay a gzip copy beside a file, whole from its first moment; none when it would not be smaller."""
    contents = path.read_bytes()
    smaller = gzip.compress(contents, 9, mtime=0)
    if len(smaller) < len(contents):
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(smaller)
        part.replace(path.with_name(path.name + COMPRESSED))
