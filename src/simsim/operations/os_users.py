"""The operating system's user who runs a command, for the audit trail."""

import os
import pwd


def os_user() -> str:
    """Return the name of the user, and who became them with sudo: such as `root, sudo by olga`."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # as in a container with a user of its own
        name = str(user_id)
    behind = os.environ.get("SUDO_USER", "")
    named = f"{name}, sudo by {behind}" if behind and behind != name else name
    return named[:120]
