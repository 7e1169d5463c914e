"""The certificate authorities that an operator trusts for receivers, from a file."""

import ssl
from pathlib import Path

from simsim.problem import Unusable


def prove_authorities(name: str, path: str) -> Path | None:
    """Return the file of a setting, None without one; raise Unusable, naming the setting, if it has no certificates."""
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise Unusable("%(name)s: %(path)s holds no certificates in PEM", name=name, path=path) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Unusable("%(name)s: %(path)s can't be read (%(reason)s)", name=name, path=path, reason=reason) from error
    return Path(path)
