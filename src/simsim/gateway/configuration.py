"""nginx's configuration, rendered from one template."""

import os
import pwd
import secrets
import ssl
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from simsim.gate import answer
from simsim.gate.answer import (
    ACCOUNT_HEADER,
    IDENTITY_HEADERS,
    REASON_HEADER,
    REQUEST_HEADER,
    TOKEN_HEADER,
    TOKEN_NAME_HEADER,
)
from simsim.gate.app import VERIFY
from simsim.gateway.addresses import Upstream, parse_listen, parse_upstream
from simsim.problem import BadGateway, BadRequest, TooManyRequests, Unusable

# What nginx may put on disk; all of it stays in our directory, whatever the nginx was built with.
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
FOR_PROXIES = (REASON_HEADER, REQUEST_HEADER)
OURS = (*IDENTITY_HEADERS, *FOR_PROXIES)


@dataclass(frozen=True)
class GatewaySettings:
    """What one gateway is made of. `upstream` and `listen` are as the operator typed them, the paths are absolute."""

    upstream: str
    listen: str
    gate_socket: Path
    access_log: Path
    prefix: Path


def render(settings: GatewaySettings) -> str:
    """Return the whole configuration; raise Unusable, in one line, for what nginx could not run with."""
    api, place = parse_upstream(settings.upstream), parse_listen(settings.listen)
    template = Template(resources.files(__package__).joinpath("nginx.conf").read_text(encoding="utf-8"))
    bodies = {
        "bad_request": answer.body_of(BadRequest()),
        "refused": answer.UNAUTHORIZED_BODY,
        "too_many": answer.body_of(TooManyRequests()),
        "api_away": answer.body_of(BadGateway()),
        "undecided": answer.UNDECIDED_BODY,
    }
    return template.substitute(
        user=user_directive(settings.gate_socket),
        pid=quoted(settings.prefix / "nginx.pid"),
        **{f"{kind}_temp": quoted(settings.prefix / kind) for kind in TEMPORARY},
        access_log=quoted(settings.access_log),
        gate=quoted(f"unix:{settings.gate_socket}"),
        verify=VERIFY,
        # Unguessable, so that no address that a client may ask for meets it.
        ask=f"/.simsim-{secrets.token_hex(16)}",
        api=str(api.place),
        scheme=api.scheme,
        api_tls=tls_directives(api),
        listen=str(place),
        retry_after=answer.RETRY_AFTER_SECONDS,
        account_header=ACCOUNT_HEADER,
        token_header=TOKEN_HEADER,
        name_header=TOKEN_NAME_HEADER,
        clear_for_gate="\n".join(f'            proxy_set_header {name} "";' for name in OURS),
        clear_for_api="\n".join(f'            proxy_set_header {name} "";' for name in FOR_PROXIES),
        hide_from_client="\n".join(f"            proxy_hide_header {name};" for name in OURS),
        **{name: quoted(body.decode()) for name, body in bodies.items()},
    )


def user_directive(gate_socket: Path) -> str:
    """Return the user of nginx's workers when we are root: the owner of the gate's socket, who alone can open it."""
    if os.geteuid() != 0:
        return ""
    folder = gate_socket.parent
    try:
        owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    except FileNotFoundError:
        raise Unusable("%(folder)s does not exist: run simsim migrate first", folder=str(folder)) from None
    return f"user {owner};"


def tls_directives(api: Upstream) -> str:
    """Return what makes nginx prove an https API's certificate; nothing for http."""
    if api.scheme == "http":
        return ""
    roots = ssl.get_default_verify_paths().cafile
    if roots is None:
        raise Unusable("--upstream: no file of certificate authorities was found to prove an https API with")
    return (
        f"proxy_ssl_server_name on; proxy_ssl_name {api.place.host}; proxy_ssl_verify on; "
        f"proxy_ssl_verify_depth 4; proxy_ssl_trusted_certificate {quoted(roots)};"
    )


def quoted(value: str | Path) -> str:
    """Return a value as nginx reads it in single quotes; raise Unusable for one that nginx would expand."""
    text = str(value)
    # nginx has no escape for the dollar sign.
    if "$" in text or "\n" in text:
        raise Unusable("%(text)s: nginx can't take a path with a dollar sign or a line break", text=repr(text))
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
