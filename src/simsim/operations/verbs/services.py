"""`simsim serve`, `gateway` and `worker`: they run until a signal stops them."""
# ruff: noqa: PLC0415 - help does not need what the verbs need

from typing import TYPE_CHECKING, Annotated

import typer

from simsim.gateway.addresses import HEALTH_PATH
from simsim.gateway.proxy_files import OtherProxy
from simsim.operations.context import Operator, needs_django, wired
from simsim.operations.output import AsJson, print_json

if TYPE_CHECKING:
    from simsim.gateway.certificates import CertificateFiles
    from simsim.gateway.nginx_configuration import GatewaySettings

TlsCertificate = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="Serve HTTPS with this certificate (PEM, with the chain). Default: SIMSIM_TLS_CERTIFICATE.",
    ),
]
TlsKey = Annotated[
    str, typer.Option(metavar="FILE", help="The certificate's private key (PEM). Default: SIMSIM_TLS_KEY.")
]
HealthPath = Annotated[
    str,
    typer.Option(metavar="PATH", help='The path where load balancers ask whether the gateway is healthy; "" for none.'),
]
Listen = Annotated[str, typer.Option(metavar="ADDRESS", help="Where clients call: HOST:PORT or PORT.")]
AllowPreflight = Annotated[
    bool, typer.Option("--allow-preflight", help="Let a browser's preflight (CORS) reach the API without credentials.")
]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Print nginx's configuration and exit.")]
Other = Annotated[
    OtherProxy | None,
    typer.Option("--for", help="With --print-config: print the configuration of a proxy that you already run."),
]
Workers = Annotated[
    int, typer.Option(min=1, max=64, help="Processes for the console, and for the gate (at least two).")
]


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address that the console listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port that the console listens on.")] = 8000,
    gate_listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where the gate also listens, for the proxies in SIMSIM_TRUSTED_PROXIES: HOST:PORT or PORT. "
            "Default: SIMSIM_GATE_LISTEN.",
        ),
    ] = "",
    workers: Workers = 1,
    tls_certificate: TlsCertificate = "",
    tls_key: TlsKey = "",
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker; run it elsewhere.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check options and settings; start nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the console, the gate and the worker until SIGTERM or Ctrl-C. SIGHUP reloads settings, certificates, code."""
    from simsim.operations import serve as service

    certificate = certificate_of(tls_certificate, tls_key)
    options = service.ServeOptions(host, port, workers, not no_worker, gate_listen, certificate, as_json)
    service.check(wired(), options) if check else service.serve(wired(), options)


def certificate_of(tls_certificate: str, tls_key: str) -> "CertificateFiles | None":
    from simsim.gateway.certificates import certificate_files

    return certificate_files(tls_certificate, tls_key, names=("--tls-certificate", "--tls-key"))


def gateway(
    *,
    upstream: Annotated[str, typer.Option(metavar="URL", help="The API, such as http://127.0.0.1:9000.")],
    listen: Listen = "127.0.0.1:8080",
    health: HealthPath = HEALTH_PATH,
    tls_certificate: TlsCertificate = "",
    tls_key: TlsKey = "",
    allow_preflight: AllowPreflight = False,
    print_config: PrintConfig = False,
    other: Other = None,
    as_json: AsJson = False,
) -> None:
    """Run nginx in front of an API until SIGTERM or Ctrl-C; the gate decides each request.

    SIGHUP reloads settings, certificates and code, and SIGUSR1 reopens the log.
    """
    from simsim.gateway.nginx_configuration import GatewaySettings
    from simsim.traces import settings as trace_settings

    operator = wired().operator()
    if other:
        if not print_config:
            raise typer.BadParameter("--for needs --print-config")
        print_other_proxy(other, upstream, operator, as_json=as_json)
        return
    settings = GatewaySettings(
        upstream=upstream,
        listen=listen,
        gate_socket=operator.gate_socket,
        access_log=operator.spool_dir / "gateway.jsonl",
        prefix=operator.gate_socket.parent / "gateway",
        trusted_proxies=operator.trusted_proxies,
        health=health,
        certificate=certificate_of(tls_certificate, tls_key) or operator.tls_files(),
        is_traced=trace_settings.is_on(),
        allows_preflight=allow_preflight,
    )
    act = print_nginx if print_config else run_nginx
    act(settings, as_json=as_json)


def run_nginx(settings: "GatewaySettings", *, as_json: bool) -> None:
    """Run the gateway until a signal stops it."""
    from simsim.gateway import nginx_process, takeover

    left = takeover.received()
    if left is None:  # else it has been printed
        facts = {"listen": settings.listen, "upstream": settings.upstream}
        said = f"Gateway: {settings.listen}, in front of {settings.upstream}. Ctrl-C stops it."
        print_json(facts) if as_json else typer.echo(said)
    nginx_process.run(settings, left)


def print_other_proxy(other: OtherProxy, upstream: str, operator: Operator, *, as_json: bool) -> None:
    """Print the configuration of a proxy that already runs."""
    from simsim.gateway import proxy_files

    gate = operator.parse_gate_listen(operator.gate_listen) or proxy_files.DOCUMENTED_GATE
    files = proxy_files.files_for(other, upstream, gate)
    print_json({"files": files}) if as_json else typer.echo(proxy_files.printed(files))


def print_nginx(settings: "GatewaySettings", *, as_json: bool) -> None:
    """Print the configuration with which the gateway would run nginx."""
    from simsim.gateway import nginx_configuration, nginx_process

    nginx_process.prove_certificate(settings)
    text = nginx_configuration.render(settings)
    print_json({"configuration": text}) if as_json else typer.echo(text)


@needs_django
def worker(as_json: AsJson = False) -> None:
    """Ship the request log, send email and delete old data, until SIGTERM or Ctrl-C. SIGHUP reloads it."""
    from simsim.operations import worker as jobs

    del as_json  # every verb accepts --json, but a worker prints nothing
    jobs.work(check=(*wired().this_command, "migrate", "--check"))
