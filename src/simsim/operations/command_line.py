"""The command line: every verb in one place, and the one line that a failure becomes."""

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from simsim.credential import password
from simsim.operations.verbs.account import accounts, users
from simsim.operations.verbs.installation import doctor, migrate
from simsim.operations.verbs.log import log
from simsim.operations.verbs.mail import mail
from simsim.operations.verbs.running import gateway, serve, worker
from simsim.operations.verbs.software import software
from simsim.operations.verbs.token import tokens
from simsim.operations.wiring import Wiring, use
from simsim.problem import Invalid, Problem

app = typer.Typer(
    name="simsim",
    help="Access tokens before an HTTP API. Settings come from the environment: SIMSIM_DATA_DIR and others.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with its local variables would print passwords (T14).
    pretty_exceptions_enable=False,
)
for verb in (serve, gateway, worker, migrate, doctor):
    app.command()(verb)
app.add_typer(accounts, name="account")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")
app.add_typer(log, name="log")
app.add_typer(mail, name="mail")
app.add_typer(software, name="software")


def run(arguments: Sequence[str], *, wiring: Wiring) -> int:
    """Run one verb and return the exit status: 0, 2 for wrong usage, 1 for a failure, told in one line on stderr."""
    use(wiring)
    try:
        app(args=list(arguments), prog_name="simsim")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except Exception as error:  # whatever failed, a script gets one line and a status
        sys.stderr.write(f"simsim: {one_line(error)}\n")
        if os.environ.get("SIMSIM_DEBUG") == "1":
            sys.stderr.write(password.mask("".join(traceback.format_exception(error))))
        return 1
    return 0


def one_line(error: Exception) -> str:
    """Return what went wrong in one line for people, without anything that has a password's form."""
    if isinstance(error, Invalid):
        text = " ".join(f"{fault.field}: {fault}" for fault in error.errors)
    elif isinstance(error, Problem):
        text = str(error)
    elif "no such table" in str(error) or ('relation "' in str(error) and "does not exist" in str(error)):
        text = "The database is not up to date: run simsim migrate"
    else:
        text = f"{type(error).__name__}: {error} (SIMSIM_DEBUG=1 shows the traceback)"
    return password.mask(" ".join(text.split()))
