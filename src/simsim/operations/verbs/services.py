"""`simsim serve`, `gateway` and `worker`: they run until a signal stops them."""
# ruff: noqa: PLC0415 - help does not need what the verbs need

from typing import Annotated

import typer

from simsim.gateway.addresses import HEALTH_PATH
from simsim.operations.context import needs_django, wired
from simsim.operations.output import AsJson, print_json

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
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Start no worker; run it elsewhere.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the console, the gate and the worker until SIGTERM or Ctrl-C. On SIGHUP they read their settings again."""
    from simsim.operations.serve import serve as run

    run(
        wired(),
        host=host,
        port=port,
        workers=workers,
        with_worker=not no_worker,
        gate_listen=gate_listen,
        as_json=as_json,
    )


def gateway(
    *,
    upstream: Annotated[str, typer.Option(metavar="URL", help="The API, such as http://127.0.0.1:9000.")],
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where clients call: HOST:PORT or PORT.")
    ] = "127.0.0.1:8080",
    health: Annotated[
        str,
        typer.Option(
            metavar="PATH", help='The path where load balancers ask whether the gateway is healthy; "" for none.'
        ),
    ] = HEALTH_PATH,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print nginx's configuration and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run nginx in front of an API until SIGTERM or Ctrl-C; the gate decides each request."""
    from simsim.gateway import nginx_configuration, nginx_process

    operator = wired().operator()
    settings = nginx_configuration.GatewaySettings(
        upstream=upstream,
        listen=listen,
        gate_socket=operator.gate_socket,
        access_log=operator.spool_dir / "gateway.jsonl",
        prefix=operator.gate_socket.parent / "gateway",
        trusted_proxies=operator.trusted_proxies,
        health=health,
    )
    if print_config:
        text = nginx_configuration.render(settings)
        print_json({"configuration": text}) if as_json else typer.echo(text)
        return
    facts = {"listen": listen, "upstream": upstream}
    print_json(facts) if as_json else typer.echo(f"Gateway: {listen}, in front of {upstream}. Ctrl-C stops it.")
    nginx_process.run(settings)


@needs_django
def worker(as_json: AsJson = False) -> None:
    """Ship the request log, send email and delete old data, until SIGTERM or Ctrl-C."""
    from simsim.operations import worker as jobs

    del as_json  # every verb accepts --json, but a worker prints nothing
    jobs.work()
