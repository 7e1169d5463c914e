"""Every verb works from another machine, or says why it works on the server only."""

import inspect
from typing import Any

import pytest
import typer

from simsim.operations.command_line import app
from simsim.operations.remote.twins import ANYWHERE, TWIN, verbs_of

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B7")]
PROCESSES = "it runs or prepares processes and files of the machine itself"
KEYS = "a key must not leave the machine for a script on another one to change it"
SIGN_IN = "who may sign in is decided by the operator at the machine, not by whoever has found a management token"
BEYOND = "a program that creates these would outlive the revocation of its own management token"
CHAINS = "the chains are proven with the keys of the installation, on the machine that has them"
EVERYWHERE = "it reads every table of the installation, which no management token may"
ALL_OR_NONE = "it changes everything or nothing, which single requests can't"
SERVER_ONLY = {
    "setup": PROCESSES, "serve": PROCESSES, "gateway": PROCESSES, "worker": PROCESSES, "migrate": PROCESSES,
    "upgrade": PROCESSES, "backup": PROCESSES, "restore": PROCESSES,
    "monitoring metrics": "a collector asks /metrics itself",
    "keys list": KEYS, "keys add": KEYS, "keys rotate": KEYS, "keys wrap": KEYS,
    "keys unwrap": KEYS,
    "operator add": SIGN_IN, "operator remove": SIGN_IN, "operator list": SIGN_IN, "user reset-password": SIGN_IN,
    "user reset-second-factor": SIGN_IN, "user forget-provider": SIGN_IN, "user waive-single-sign-on": SIGN_IN,
    "user create": "it sets a password for somebody else; from another machine, user invite lets them choose one",
    "management-token create": BEYOND,
    "person show": EVERYWHERE, "person export": EVERYWHERE, "person erase": EVERYWHERE,
    "audit verify": CHAINS, "audit anchor": CHAINS, "audit adopt": CHAINS,
    "audit export": "the trail records an export as one event; programs read the pages of audit list",
    "log set-aside": "these lines belong to no account, and may hold anything that a proxy writes",
    "apply": ALL_OR_NONE, "token import": ALL_OR_NONE,
    "account rename": "the name is how the operator tells customers apart; no page changes it either",
    "account close": "it can't be undone, and no page does it either",
    "access-review sign-off": "a person answers for a review, and a management token is a program’s",
    "leak report": "scanners report with a signature of their own, and people on the page /leaks/",
}  # fmt: skip


def verbs() -> dict[str, Any]:
    return {" ".join(words): command for words, command in verbs_of(typer.main.get_group(app), ())}


def test_every_verb_has_a_twin_or_a_reason() -> None:
    without = {verb for verb, command in verbs().items() if not hasattr(command.callback, TWIN)}
    anywhere = {verb for verb, command in verbs().items() if hasattr(command.callback, ANYWHERE)}
    assert anywhere == {"scan", "completion", "monitoring rules", "monitoring dashboard"}
    assert without == SERVER_ONLY.keys() | anywhere
    assert all(len(reason) > 20 for reason in SERVER_ONLY.values())


@pytest.mark.parametrize("verb", sorted(verb for verb, command in verbs().items() if hasattr(command.callback, TWIN)))
def test_twin_takes_the_options_of_its_verb(verb: str) -> None:
    command = verbs()[verb]
    _, *taken = inspect.signature(getattr(command.callback, TWIN)).parameters.values()
    offered = {parameter.name for parameter in command.params} - {"as_json", "acting_as", "help"}
    named = {each.name for each in taken if each.kind is not inspect.Parameter.VAR_KEYWORD}
    required = {each.name for each in taken if each.default is each.empty} & named
    assert required <= offered
    assert offered == named or (len(named) < len(taken) and named < offered)
