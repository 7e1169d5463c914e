"""The policies of an account, as a file declares them: the rules for its tokens, and how its people sign in."""

from dataclasses import dataclass

import yaml

from simsim.accounts.actions import parse_email
from simsim.accounts.models import SingleSignOn
from simsim.operations.declaration.yaml_nodes import NodeReader, line_of
from simsim.problem import gettext_noop
from simsim.tokens.policies import FLAGS, LIMITS
from simsim.tokens.policy_models import LeakChoice, Retrieval

NONE = "none"
NAMED = {"retrieval": Retrieval.values, "leak_response": LeakChoice.values}
SECOND_FACTOR, SINGLE_SIGN_ON = "second_factor", "single_sign_on"
SIGN_IN = {SECOND_FACTOR: ("true", "false"), SINGLE_SIGN_ON: SingleSignOn.values}
KEYS = (*LIMITS, *FLAGS, *NAMED)


@dataclass(frozen=True)
class DeclaredPolicies:
    """The choices to set. `tokens` are those of a `TokenPolicy`, on behalf of the administrator `acting_as`.

    `sign_in` has the others as they are written; what is in neither stays as it is.
    """

    line: int
    acting_as: str
    tokens: dict[str, int | str | bool | None]
    sign_in: dict[str, str]


def parse_policies(reader: NodeReader, node: yaml.Node) -> DeclaredPolicies:
    """Return the declared choices; add each mistake to the reader's faults."""
    found = reader.mapping(node, ("as", *KEYS, *SIGN_IN))
    tokens: dict[str, int | str | bool | None] = {}
    for name in (name for name in KEYS if name in found):
        value = found[name]
        if name in LIMITS:
            tokens[name] = parse_limit(reader, value, *LIMITS[name])
        elif name in FLAGS:
            tokens[name] = reader.flag(value, default=False)
        else:
            tokens[name] = reader.choice(value, NAMED[name], NAMED[name][0])
    sign_in = {name: reader.choice(found[name], SIGN_IN[name], "") for name in SIGN_IN if name in found}
    if tokens and "as" not in found:
        reader.complain(node, gettext_noop("“%(key)s” is missing"), key="as")
    return DeclaredPolicies(line_of(node), reader.proven(found.get("as"), parse_email), tokens, sign_in)


def parse_limit(reader: NodeReader, node: yaml.Node, least: int, most: int) -> int | None:
    """Return the number; None for `none`, and for a faulty one."""
    text = reader.text(node)
    if not text or text == NONE:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
        return int(text)
    message = gettext_noop("write a number from %(least)s to %(most)s or none here")
    reader.complain(node, message, least=str(least), most=str(most))
    return None
