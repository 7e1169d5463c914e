"""`simsim setup`: everything that an installation needs, in one command."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import wired
from simsim.operations.output import AsJson, print_json

Account = Annotated[str | None, typer.Option(metavar="NAME", help="The first account: a customer of your API.")]
Email = Annotated[str | None, typer.Option(metavar="EMAIL", help="The email address of its administrator.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the administrator's password from the first line of stdin.")
]
IsOperator = Annotated[
    bool, typer.Option("--operator", help="Make the administrator an operator too: see simsim operator.")
]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="The console's address. Default: http://localhost:8000")
]
DatabaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="A PostgreSQL database. Default: SQLite in the data directory")
]
EmailUrl = Annotated[str | None, typer.Option(metavar="URL", help="The mail server. Default: smtp://localhost:25")]
EmailFrom = Annotated[str | None, typer.Option(metavar="SENDER", help="The sender of every email: NAME <ADDRESS>.")]
ApiUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where callers reach the API through the gateway.")]
Upstream = Annotated[
    str,
    typer.Option(metavar="URL", help="The address on which the API listens; used in the commands printed at the end."),
]


def setup(
    *,
    account: Account = None,
    email: Email = None,
    password_stdin: PasswordStdin = False,
    operator: IsOperator = False,
    base_url: BaseUrl = None,
    database_url: DatabaseUrl = None,
    email_url: EmailUrl = None,
    email_from: EmailFrom = None,
    api_url: ApiUrl = None,
    upstream: Upstream = "http://127.0.0.1:9000",
    as_json: AsJson = False,
) -> None:
    """Set up an installation: settings, keys, databases, the first account. Doing it twice changes nothing.

    It asks for options that you leave out. Settings that exist, in the environment or in simsim.env, are kept.
    """
    from simsim.operations.setup.installation import set_up

    given = {
        "SIMSIM_BASE_URL": base_url,
        "SIMSIM_DATABASE_URL": database_url,
        "SIMSIM_EMAIL_URL": email_url,
        "SIMSIM_EMAIL_FROM": email_from,
        "SIMSIM_API_URL": api_url,
    }
    report = set_up(
        wired(),
        given,
        account=account,
        email=email,
        password_stdin=password_stdin,
        is_operator=operator,
        upstream=upstream,
    )
    if as_json:
        print_json(report.document())
    else:
        typer.echo(report.text())
