"""Renders nginx's configuration from one template."""

import os
import pwd
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from simsim.credential import allowlist
from simsim.gate import answer
from simsim.gate.answer import ACCOUNT_HEADER, EXPIRES_HEADER, TOKEN_HEADER, TOKEN_NAME_HEADER
from simsim.gate.app import READYZ, VERIFY
from simsim.gateway import nginx_program, traces
from simsim.gateway.addresses import (
    HEALTH_PATH,
    HostPort,
    Upstream,
    parse_health,
    parse_listen,
    parse_upstream,
    resolve,
)
from simsim.gateway.certificates import CertificateFiles
from simsim.problem import (
    BadGateway,
    BadRequest,
    HeadersTooLarge,
    MethodNotAllowed,
    NotImplementedHere,
    Problem,
    TargetTooLong,
    Unusable,
    VersionNotSupported,
)

# nginx's kinds of temporary files. All of them stay in our directory, however nginx was built.
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
# The problems that nginx answers with before it asks the gate, by nginx's own codes: 494 means that the headers are too
# large.
EARLY_PROBLEMS: dict[int, type[Problem]] = {
    400: BadRequest,
    405: MethodNotAllowed,
    414: TargetTooLong,
    494: HeadersTooLarge,
    497: BadRequest,  # HTTP where HTTPS is spoken
    501: NotImplementedHere,
    505: VersionNotSupported,
}
# APIs also read a request's origin from these headers, so only a trusted proxy may set them.
FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Real-IP")
CONNECT_SECONDS, CONNECT_SECONDS_OF_SEVERAL = 10, 3


@dataclass(frozen=True)
class GatewaySettings:
    """The settings of one gateway.

    `upstream`, `listen` and `health` are as the operator typed them; the paths are absolute; `trusted_proxies` are the
    networks of SIMSIM_TRUSTED_PROXIES.
    """

    upstream: str
    listen: str
    gate_socket: Path
    access_log: Path
    prefix: Path
    trusted_proxies: Sequence[str] = ()
    health: str = HEALTH_PATH
    certificate: CertificateFiles | None = None
    is_traced: bool = False
    allows_preflight: bool = False


def render(settings: GatewaySettings, addresses: Sequence[HostPort] = (), pid_file: Path | None = None) -> str:
    """Return the whole configuration; raise Unusable, in one line, for settings that nginx could not run with.

    `addresses` are the API's, resolved here when they are not given.
    """
    api, listen = parse_upstream(settings.upstream), parse_listen(settings.listen)
    addresses = addresses or resolve(api.address)
    pid_file = pid_file or settings.prefix / "nginx.pid"
    module = nginx_program.find().module
    # The address can't be guessed, so no client can request it.
    ask = f"/.simsim-{secrets.token_hex(16)}"
    api_names = api_parts(api, addresses, is_traced=settings.is_traced)
    return template_of("nginx.conf").substitute(
        load_module=f"load_module {quoted(module)};" if module else "",
        user=user_directive(settings.gate_socket),
        pid=quoted(pid_file),
        replaced=quoted(replaced_mark(pid_file)),
        **{f"{kind}_temp": quoted(settings.prefix / kind) for kind in TEMPORARY},
        access_log=quoted(settings.access_log),
        gate=quoted(f"unix:{settings.gate_socket}"),
        verify=VERIFY,
        ask=ask,
        scheme=api.scheme,
        listen=f"{listen} ssl" if settings.certificate else str(listen),
        tls=certificate_directives(settings.certificate),
        retry_after=answer.RETRY_AFTER_SECONDS,
        health=health_location(parse_health(settings.health), ask),
        **api_names,
        **preflight_parts(ask, api.scheme, api_names["to_api"], is_allowed=settings.allows_preflight),
        **traces.trace_parts(is_traced=settings.is_traced),
        **forwarding_parts(settings.trusted_proxies),
        **problem_parts(ask),
    )


def replaced_mark(pid_file: Path) -> Path:
    """Return the file whose presence tells an nginx that another one has taken over."""
    return pid_file.with_suffix(".replaced")


def api_parts(api: Upstream, addresses: Sequence[HostPort], *, is_traced: bool = False) -> dict[str, str]:
    """Return the parts that send requests to the API."""
    headers = (f"            proxy_set_header {name} ${variable_of(name)};" for name in FORWARDING_HEADERS)
    return {
        "api_servers": "\n".join(f"        server {address} max_fails=0;" for address in addresses),
        "authority": quoted(api.authority),
        "to_api": template_of("api.conf")
        .substitute(
            api_tls=tls_directives(api),
            connect_timeout=f"{CONNECT_SECONDS if len(addresses) == 1 else CONNECT_SECONDS_OF_SEVERAL}s",
            account_header=ACCOUNT_HEADER,
            token_header=TOKEN_HEADER,
            name_header=TOKEN_NAME_HEADER,
            expires_header=EXPIRES_HEADER,
            forwarding_headers="\n".join(headers),
            trace_headers=traces.HEADERS if is_traced else "",
        )
        .rstrip("\n"),
    }


def template_of(name: str) -> Template:
    return Template(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def forwarding_parts(trusted_proxies: Sequence[str]) -> dict[str, str]:
    """Return the parts that keep forwarding headers from trusted proxies and drop everybody else's."""
    return {
        "trusted_proxies": trusted_networks(trusted_proxies),
        "forwarding_maps": "\n".join(forwarding_map(name) for name in FORWARDING_HEADERS),
    }


def problem_parts(ask: str) -> dict[str, str]:
    """Return the parts with nginx's own answers, before and after it asks the gate."""
    pages = (f"        error_page {code} = {ask}/{problem.status};" for code, problem in EARLY_PROBLEMS.items())
    return {
        "early_error_pages": "\n".join(pages),
        "early_errors": "\n".join(early_location(ask, problem) for problem in dict.fromkeys(EARLY_PROBLEMS.values())),
        "refused": quoted(answer.UNAUTHORIZED_BODY.decode()),
        "beyond_limits": quoted(answer.BEYOND_LIMITS_BODY.decode()),
        "beyond_rate": quoted(answer.BEYOND_RATE_BODY.decode()),
        "throttled": quoted(answer.THROTTLED_BODY.decode()),
        "counted_header": answer.COUNTED_HEADER.lower().replace("-", "_"),
        "api_away": quoted(answer.body_of(BadGateway()).decode()),
        "undecided": quoted(answer.UNDECIDED_BODY.decode()),
    }


# A browser sends its preflight without credentials and a body (Fetch, section 4.8). A request that has either, or asks
# for an upgrade, is no preflight: the gate decides it. Line breaks separate the parts: no header can contain one.
PREFLIGHT_MAP = r"""
    map "$request_method\n$http_origin\n$http_access_control_request_method\n$http_authorization\n$http_content_length$http_transfer_encoding\n$http_upgrade" $simsim_preflight {
        "~^OPTIONS\n[^\n]+\n[A-Za-z-]+\n\n\n$" 1;
        default "";
    }"""  # noqa: E501 - nginx reads it so
PREFLIGHT_WAY = """            if ($simsim_preflight) {{
                rewrite ^ {ask}/preflight last;
            }}"""


def preflight_parts(ask: str, scheme: str, to_api: str, *, is_allowed: bool) -> dict[str, str]:
    """Return the parts that let a browser's preflight through, which are empty if it is not allowed."""
    if not is_allowed:
        return dict.fromkeys(("preflight_map", "preflight_way", "preflight_location"), "")
    location = template_of("preflight.conf").substitute(ask=ask, scheme=scheme, to_api=to_api)
    return {
        "preflight_map": PREFLIGHT_MAP.lstrip("\n"),
        "preflight_way": PREFLIGHT_WAY.format(ask=ask),
        "preflight_location": location.rstrip("\n"),
    }


def trusted_networks(networks: Sequence[str]) -> str:
    """Return the entries of nginx's `geo` for the trusted proxies; raise Unusable for a text that is not a network."""
    found = {text: allowlist.parse_network(text) for text in networks}
    for text, network in found.items():
        if isinstance(network, allowlist.Fault):
            raise Unusable("SIMSIM_TRUSTED_PROXIES: %(text)s is not a network", text=repr(text))
    return "\n".join(f"        {network} 1;" for network in sorted({str(network) for network in found.values()}))


def variable_of(header: str) -> str:
    return f"simsim_{header.lower().replace('-', '_')}"


def forwarding_map(header: str) -> str:
    """Return the map that keeps this header from a trusted proxy and empties it for everybody else."""
    theirs = f"$http_{header.lower().replace('-', '_')}"
    return f'    map $simsim_by_proxy ${variable_of(header)} {{\n        1 {theirs};\n        default "";\n    }}'


def health_location(path: str, ask: str) -> str:
    """Return the location that reports whether the gateway can let requests in, or nothing for the path "".

    Only the status of the gate's answer is used: anyone may ask, and the body reports on the workers.
    """
    if not path:
        return ""
    return template_of("health.conf").substitute(
        path=path,
        ask=ask,
        readyz=READYZ,
        retry_after=answer.RETRY_AFTER_SECONDS,
        healthy=quoted(answer.HEALTHY.body.decode()),
        undecided=quoted(answer.UNDECIDED_BODY.decode()),
    )


def early_location(ask: str, problem: type[Problem]) -> str:
    return f"""        location = {ask}/{problem.status} {{
            internal;
            auth_request off;
            default_type application/problem+json;
            add_header Cache-Control no-store always;
            return {problem.status} {quoted(answer.body_of(problem()).decode())};
        }}"""


def user_directive(gate_socket: Path) -> str:
    """Return the directive for nginx's user when we run as root: only the owner of the gate's socket can open it."""
    if os.geteuid() != 0:
        return ""
    folder = gate_socket.parent
    try:
        owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    except FileNotFoundError:
        raise Unusable("%(folder)s does not exist: run simsim migrate first", folder=str(folder)) from None
    return f"user {owner};"


def tls_directives(api: Upstream) -> str:
    """Return the directives by which nginx verifies an https API's certificate; nothing for http."""
    if api.scheme == "http":
        return ""
    roots = ssl.get_default_verify_paths().cafile
    if roots is None:
        raise Unusable("--upstream: found no file of certificate authorities to verify an https API with")
    return (
        f"proxy_ssl_server_name on; proxy_ssl_name {api.address.host}; proxy_ssl_verify on; "
        f"proxy_ssl_verify_depth 4; proxy_ssl_trusted_certificate {quoted(roots)};"
    )


def certificate_directives(files: CertificateFiles | None) -> str:
    """Return the directives for HTTPS, as Mozilla's "intermediate" profile has them; nothing for HTTP."""
    if files is None:
        return ""
    return template_of("tls.conf").substitute(certificate=quoted(files.certificate), key=quoted(files.key))


def quoted(value: str | Path) -> str:
    """Return a value as nginx reads it in single quotes; raise Unusable for one that nginx would expand."""
    text = str(value)
    # nginx has no escape for the dollar sign.
    if "$" in text or "\n" in text:
        raise Unusable("%(text)s: nginx can't take a path with a dollar sign or a line break", text=repr(text))
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
