"""The configurations of other proxies: one text for the documentation, the command line and the tests."""

from enum import StrEnum
from importlib import resources

from simsim.gateway.addresses import HostPort, parse_upstream
from simsim.problem import Unusable

# What the texts say until the operator says otherwise.
DOCUMENTED_API, DOCUMENTED_GATE = HostPort("127.0.0.1", 9000), HostPort("127.0.0.1", 8001)


class OtherProxy(StrEnum):
    """A proxy that an operator may already run."""

    NGINX = "nginx"
    CADDY = "caddy"
    HAPROXY = "haproxy"
    TRAEFIK = "traefik"
    ENVOY = "envoy"


# Where each file belongs, and which of ours it is.
FILES = {
    OtherProxy.NGINX: {"/etc/nginx/conf.d/simsim.conf": "nginx.conf"},
    OtherProxy.CADDY: {"/etc/caddy/Caddyfile": "Caddyfile"},
    OtherProxy.HAPROXY: {"/etc/haproxy/simsim.lua": "simsim.lua", "/etc/haproxy/haproxy.cfg": "haproxy.cfg"},
    OtherProxy.TRAEFIK: {"/etc/traefik/traefik.yml": "traefik.yml", "/etc/traefik/dynamic.yml": "dynamic.yml"},
    OtherProxy.ENVOY: {"/etc/envoy/envoy.yaml": "envoy.yaml"},
}


def files_for(
    proxy: OtherProxy, upstream: str = f"http://{DOCUMENTED_API}", gate: HostPort = DOCUMENTED_GATE
) -> dict[str, str]:
    """Return the text of each file, by its path; raise Unusable for an API over HTTPS."""
    api = parse_upstream(upstream)
    if api.scheme != "http":
        raise Unusable("--for: the configurations of other proxies reach the API over http only")
    folder = resources.files(__package__).joinpath("other_proxies")
    return {
        path: with_places(folder.joinpath(name).read_text(encoding="utf-8"), api.address, gate)
        for path, name in FILES[proxy].items()
    }


def with_places(text: str, api: HostPort, gate: HostPort) -> str:
    """Return a text with these addresses for the documented ones."""
    # A place that is both old and new would be replaced twice.
    new = {written: f"\0{number}\0" for number, written in enumerate((DOCUMENTED_API, DOCUMENTED_GATE))}
    for written, mark in new.items():
        text = text.replace(str(written), f"{mark}place").replace(in_envoy(written), f"{mark}envoy")
    for mark, place in zip(new.values(), (api, gate), strict=True):
        text = text.replace(f"{mark}place", str(place)).replace(f"{mark}envoy", in_envoy(place))
    return text


def in_envoy(place: HostPort) -> str:
    return f'address: "{place.host}", port_value: {place.port}'


def printed(files: dict[str, str]) -> str:
    """Return the files as one text, each under its path if there are several."""
    if len(files) == 1:
        return next(iter(files.values())).rstrip("\n")
    return "\n".join(f"==> {path} <==\n{text}" for path, text in files.items()).rstrip("\n")
