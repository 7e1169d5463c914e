"""The command line: defines every verb, and reports a failure in one line."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from simsim.audit.origin import Door, Origin, coming_from
from simsim.credential import password
from simsim.operations import failures
from simsim.operations.context import Wiring, use
from simsim.operations.os_users import os_user
from simsim.operations.remote import twins
from simsim.operations.verbs.access_review import access_reviews
from simsim.operations.verbs.account import accounts
from simsim.operations.verbs.apply import apply
from simsim.operations.verbs.audit import audit
from simsim.operations.verbs.backup import backup, restore
from simsim.operations.verbs.completion import VARIABLE, completion
from simsim.operations.verbs.incident import incidents
from simsim.operations.verbs.installation import doctor, migrate, upgrade
from simsim.operations.verbs.keys import keys
from simsim.operations.verbs.leak import leaks
from simsim.operations.verbs.log import log
from simsim.operations.verbs.log_requests import counted, follow
from simsim.operations.verbs.log_requests import show as show_request
from simsim.operations.verbs.mail import mail
from simsim.operations.verbs.management_token import management_tokens
from simsim.operations.verbs.monitoring_files import monitoring
from simsim.operations.verbs.notices import notices
from simsim.operations.verbs.operator import operators
from simsim.operations.verbs.person import people
from simsim.operations.verbs.policy import policies
from simsim.operations.verbs.scan import scan
from simsim.operations.verbs.services import gateway, serve, worker
from simsim.operations.verbs.setup import setup
from simsim.operations.verbs.software import software
from simsim.operations.verbs.status import status
from simsim.operations.verbs.token import tokens
from simsim.operations.verbs.token_files import export_tokens, import_tokens
from simsim.operations.verbs.token_hand_over import hand_over, list_emails, list_hand_overs, take_back
from simsim.operations.verbs.token_pause import pause, resume
from simsim.operations.verbs.token_request import token_requests
from simsim.operations.verbs.token_rotation import end_overlap, rotate
from simsim.operations.verbs.token_trials import (
    allowlist_preview,
    allowlist_suggestion,
    limits_preview,
    limits_suggestion,
)
from simsim.operations.verbs.usage import stored_data, usage
from simsim.operations.verbs.user import users
from simsim.operations.verbs.user_sign_in import forget_provider, portal_link, reset_second_factor, waive_single_sign_on
from simsim.operations.verbs.webhook import webhooks


def print_version(is_wanted: bool) -> None:
    """Print the installed version and exit."""
    if is_wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only --version needs it

        sys.stdout.write(f"simsim {version('simsim')}\n")
        raise typer.Exit


app = typer.Typer(
    name="simsim",
    help="Access tokens for an HTTP API. Settings come from the environment: SIMSIM_DATA_DIR and others.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with its local variables would print passwords (T14).
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    context: typer.Context,
    server: Annotated[
        str | None,
        typer.Option(
            envvar="SIMSIM_SERVER", metavar="URL", show_envvar=False,
            help="Work on a server from here, such as https://console.example.com, with a management token in "
            "SIMSIM_MANAGEMENT_TOKEN. SIMSIM_SERVER says the same.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:  # fmt: skip
    """Accept the options before the verb."""
    del version  # its callback prints the version
    if server:
        twins.use_server(server)
        twins.prepare(context.command)


for verb in (setup, serve, gateway, worker, migrate, upgrade, doctor, status, apply, backup, restore, scan, completion):
    app.command()(verb)
tokens.command("rotate")(rotate)
tokens.command("end-overlap")(end_overlap)
tokens.command("pause")(pause)
tokens.command("resume")(resume)
tokens.command("hand-over")(hand_over)
tokens.command("hand-overs")(list_hand_overs)
tokens.command("take-back")(take_back)
tokens.command("emails")(list_emails)
tokens.command("allowlist-preview")(allowlist_preview)
tokens.command("allowlist-suggestion")(allowlist_suggestion)
tokens.command("limits-preview")(limits_preview)
tokens.command("limits-suggestion")(limits_suggestion)
tokens.command("import")(import_tokens)
tokens.command("export")(export_tokens)
log.command("show")(show_request)
log.command("follow")(follow)
log.command("counted")(counted)
app.command("usage")(usage)
app.command("stored-data")(stored_data)
app.add_typer(accounts, name="account")
users.command("reset-second-factor")(reset_second_factor)
users.command("waive-single-sign-on")(waive_single_sign_on)
users.command("forget-provider")(forget_provider)
users.command("portal-link")(portal_link)
app.add_typer(users, name="user")
app.add_typer(people, name="person")
app.add_typer(operators, name="operator")
app.add_typer(tokens, name="token")
app.add_typer(token_requests, name="token-request")
app.add_typer(notices, name="notices")
app.add_typer(management_tokens, name="management-token")
app.add_typer(log, name="log")
app.add_typer(audit, name="audit")
app.add_typer(mail, name="mail")
app.add_typer(webhooks, name="webhook")
app.add_typer(software, name="software")
app.add_typer(monitoring, name="monitoring")
app.add_typer(keys, name="keys")
app.add_typer(leaks, name="leak")
app.add_typer(incidents, name="incident")
app.add_typer(access_reviews, name="access-review")
app.add_typer(policies, name="policy")


def run(arguments: Sequence[str], *, wiring: Wiring) -> int:
    """Run one verb and return the exit status. A failure is one line on stderr; with --json, a problem document."""
    use(wiring)
    twins.use_server(None)
    with coming_from(Origin(Door.COMMAND_LINE, os_user=os_user())):
        return run_verb(arguments)


def run_verb(arguments: Sequence[str]) -> int:
    if VARIABLE in os.environ:
        # A shell asks what can follow. Otherwise only the options of typer's own that we leave out would prepare this.
        from typer._completion_classes import completion_init  # noqa: PLC0415

        completion_init()
    group = typer.main.get_group(app)
    as_json = "--json" in arguments
    try:
        # With --json, wrong usage raises an exception here. Without it, typer prints the mistake and how to get help.
        ended = group.main(args=list(arguments), prog_name="simsim", standalone_mode=not as_json)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else failures.FAILED
    except typer.Abort:
        return failures.FAILED
    except Exception as error:  # scripts get one line and an exit status for any failure
        if as_json:
            text = json.dumps(failures.document(error, arguments, group), ensure_ascii=False)
        else:
            text = f"simsim: {failures.one_line(error, arguments, group)}"
        sys.stderr.write(text + "\n")
        if os.environ.get("SIMSIM_DEBUG") == "1":
            sys.stderr.write(password.mask("".join(traceback.format_exception(error))))
        return failures.exit_status(error)
    return ended if isinstance(ended, int) else 0
