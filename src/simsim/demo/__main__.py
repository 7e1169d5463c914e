"""The demo's main program, run by `make demo`. DEMO_DIR, DEMO_PORT and DEMO_GATEWAY_PORT configure it."""

import os
import sys
from typing import Any

from simsim.demo import traffic
from simsim.demo.installation import LOOPBACK, Installation, free_port, read_json, write_json, write_private
from simsim.health.probes import port_status
from simsim.operations.program import Program
from simsim.operations.supervisor import Supervisor
from simsim.problem import Problem

START_SECONDS = 90.0
# Longer than `simsim serve` waits for its own programs: if it were killed first, they would keep running.
PATIENCE_SECONDS = 15.0
SIMSIM = (sys.executable, "-m", "simsim.config.command_line")


def main() -> int:
    """Run the demo until Ctrl-C or SIGTERM and return the exit status."""
    try:
        installation = Installation.from_environment(os.environ)
        installation.claim()
        installation.prove_ports_free()
        run(installation)
    except Problem as problem:
        sys.stderr.write(f"simsim demo: {problem}\n")
        return 1
    return 0


def run(installation: Installation) -> None:
    """Start everything, print the addresses once all parts answer, and supervise; raise Unusable if a part fails."""
    installation.answer_file.unlink(missing_ok=True)
    ports = chosen_ports(installation)
    mail_url = f"http://{LOOPBACK}:{ports['mail']}"
    set_environment(installation, ports)
    with Supervisor(print_error, patience_seconds=PATIENCE_SECONDS).supervising() as supervisor:
        supervisor.start(mail_catcher(installation, ports))
        supervisor.start(Program("sample API", demo_module("sample_api", "--port", str(ports["api"]))))
        if not supervisor.run_to_end(Program("preparation", demo_module("prepare"))):
            return
        upstream, listen = f"http://{LOOPBACK}:{ports['api']}", f"{LOOPBACK}:{installation.gateway_port}"
        supervisor.start(Program("simsim serve", (*SIMSIM, "serve", "--port", str(installation.port)), is_quiet=True))
        supervisor.start(
            Program("gateway", (*SIMSIM, "gateway", "--upstream", upstream, "--listen", listen), is_quiet=True)
        )
        sample = read_json(installation.sample_file)
        if wait_for_all(supervisor, installation, ports, sample):
            send_first_requests(installation, sample)
            write_json(installation.answer_file, script_answers(installation, mail_url, sample))
            print_introduction(installation, mail_url, sample)
            supervisor.watch()
    installation.answer_file.unlink(missing_ok=True)


def chosen_ports(installation: Installation) -> dict[str, int]:
    """Return the ports of mail page, mail server and sample API: the same as at the last start if they are free."""
    path = installation.home / "ports.json"
    before = read_json(path)
    ports = {name: free_port(before.get(name)) for name in ("mail", "smtp", "api")}
    write_json(path, ports)
    return ports


def set_environment(installation: Installation, ports: dict[str, int]) -> None:
    """Write the demo's settings into its directory, for the command line too.

    All other settings are unset for the demo's programs.
    """
    settings = {
        "SIMSIM_BASE_URL": installation.console_url,
        "SIMSIM_EMAIL_URL": f"smtp://{LOOPBACK}:{ports['smtp']}",
        "SIMSIM_EMAIL_FROM": "Simsim demo <simsim@example.com>",
        "SIMSIM_API_URL": installation.gateway_url,
        "SIMSIM_API_EXAMPLE": traffic.ENTITIES,
    }
    write_private(installation.home / "simsim.env", "".join(f'{name}="{value}"\n' for name, value in settings.items()))
    for name in [name for name in os.environ if name.startswith("SIMSIM_") and name != "SIMSIM_DEBUG"]:
        del os.environ[name]
    os.environ |= {"SIMSIM_DATA_DIR": str(installation.home), "DJANGO_SETTINGS_MODULE": "simsim.config.settings"}


def demo_module(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"simsim.demo.{module}", *arguments)


def mail_catcher(installation: Installation, ports: dict[str, int]) -> Program:
    listening = ("--port", str(ports["mail"]), "--smtp-port", str(ports["smtp"]))
    return Program("mail catcher", demo_module("mail_catcher", *listening, "--directory", str(installation.mail_dir)))


def wait_for_all(
    supervisor: Supervisor, installation: Installation, ports: dict[str, int], sample: dict[str, Any]
) -> bool:
    """Return True once every part answers and the curl line works, False when asked to stop first."""
    ready = traffic.ready_call(sample)
    questions = {
        "The mail catcher": lambda: port_status(LOOPBACK, ports["mail"], "/messages.json") == 200,
        "The console": lambda: port_status(LOOPBACK, installation.port, "/readyz") in {200, 204},
        "The sample API behind the gateway": lambda: traffic.status(installation.gateway_port, ready) == 200,
    }
    return all(supervisor.wait_until(ask, name=name, seconds=START_SECONDS) for name, ask in questions.items())


def send_first_requests(installation: Installation, sample: dict[str, Any]) -> None:
    """Send the first requests, once for each demo directory."""
    if not sample.get("has_traffic"):
        for call in traffic.first_calls(sample):
            traffic.status(installation.gateway_port, call)
        write_json(installation.sample_file, {**sample, "has_traffic": True})


def script_answers(installation: Installation, mail_url: str, sample: dict[str, Any]) -> dict[str, Any]:
    """Return the contents of demo.json, which is for scripts."""
    urls = {"console_url": installation.console_url, "gateway_url": installation.gateway_url, "mail_url": mail_url}
    return urls | {key: sample[key] for key in ("account_id", "administrator", "member", "token")}


def print_introduction(installation: Installation, mail_url: str, sample: dict[str, Any]) -> None:
    """Print the addresses, the sign-ins, and the curl line, which has just worked."""
    people = "\n".join(
        f"  {role:<15} {sample[key]['email']}   {sample[key]['password']}"
        for role, key in (("Administrator", "administrator"), ("Member", "member"), ("Operator", "operator"))
    )
    token = sample["token"]
    curl = f"curl -u '{token['username']}:{token['password']}' {installation.gateway_url}{traffic.ENTITIES}"
    text = (
        f"\nSimsim is running.\n\n  Console         {installation.console_url}\n{people}\n"
        f"  Mail            {mail_url}\n\n"
        f"Call the sample API through the gateway:\n\n  {curl}\n\n"
        f"With {traffic.CALLER} as its path, the API shows which token made the call.\n"
        f"Use the command line:  SIMSIM_DATA_DIR={installation.home} .venv/bin/simsim account list\n"
        "Ctrl-C stops everything. The data is kept for the next start.\n\n"
    )
    sys.stdout.write(text)
    sys.stdout.flush()


def print_error(line: str) -> None:
    sys.stderr.write(f"simsim demo: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
