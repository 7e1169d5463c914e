"""The reference, read from the program when the site is built: `{generated} problems` and its like become pages."""

import inspect
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).parents[1]
SENT_TO = {
    "invited": "the person who was invited",
    "token_requested": "every administrator",
    "tokens_imported": "every administrator",
    "tokens_stopped": "every administrator",
    "webhook_paused": "every administrator",
    "token_idle": "every administrator",
    "token_shortened": "every administrator, except the one who did it",
    "access_review_due": "every administrator",
    "leak_reported": "every administrator, or the operators",
    "token_request_granted": "the member who asked",
    "token_approval_requested": "every administrator, except the one who asks",
    "token_approval_answered": "the administrator who asked",
    "sign_in_changed": "the person whose sign-in changed",
    "signed_in_elsewhere": "the person who signed in",
    "password_reset_key": "the person who asked for it on the sign-in page",
}


class Generated(SphinxDirective):
    """A part of a page that is written from the program; its argument names which."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        start_django()
        markdown = "\n".join(PARTS[self.arguments[0]]())
        return self.parse_text_to_nodes(markdown, allow_section_headings=True)


def start_django() -> None:
    """Make models and templates usable, without the settings and the data of this machine."""
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        del os.environ[name]
    os.environ["SIMSIM_DATA_DIR"] = str(Path(tempfile.gettempdir()) / "simsim-documentation")
    os.environ["DJANGO_SETTINGS_MODULE"] = "simsim.config.settings"
    import django

    django.setup()


def commands() -> Iterator[str]:
    """Yield a section for each command, with its arguments and options."""
    import typer

    from simsim.operations.command_line import app

    for path, command in leaves(typer.main.get_group(app), ("simsim",)):
        shown = [each for each in command.params if each.name != "as_json" and not each.hidden]
        usage = [" ".join(path), *(usage_of(each) for each in shown)]
        yield f"\n## {' '.join(path)}\n\n{paragraphs(command.help)}\n\n```text\n{' '.join(usage)}\n```\n"
        yield from table(
            ("argument or option", "what it is", "default"),
            ((f"`{typed(each)}`", each.help or "", default(each)) for each in shown),
        )


def leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command that does something, below this one, with the words that name it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, each in below.items():
        yield from leaves(each, (*path, name))


def typed(parameter: Any) -> str:
    """Return how a parameter is typed: `--account ID`, `--report-only/--enforce`, or `NAME` for an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = "/".join((parameter.opts[0], *parameter.secondary_opts[:1]))
    return names if parameter.is_flag else f"{names} {parameter.metavar or parameter.name.upper()}"


def usage_of(parameter: Any) -> str:
    text = typed(parameter) + (" …" if parameter.multiple else "")
    return text if parameter.required else f"[{text}]"


def default(parameter: Any) -> str:
    """Return the value that holds when the parameter is not given, "" for none."""
    value = parameter.default
    return f"`{value}`" if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else ""


def settings() -> Iterator[str]:
    """Yield a section for each setting: its form from the program, its description from the operators' page."""
    from pydantic import SecretStr

    from simsim.config.environment import Environment
    from simsim.config.setting_names import LISTS, MAY_BE_EMPTY
    from simsim.config.setting_words import WORDS

    described = descriptions()
    for name, field in Environment.model_fields.items():
        setting = f"SIMSIM_{name.upper()}"
        # A setting that the operators' page lacks stops the build here.
        standard, description = described.pop(setting)
        facts = [f"Default: {standard}"]
        facts += ["A list, separated by commas."] if name in LISTS else []
        facts += [f"{WORDS[name].capitalize()}."] if name in WORDS else []
        facts += ["May be empty."] if name in MAY_BE_EMPTY else []
        facts += ["Secret: no log and no message shows it."] if field.annotation is SecretStr else []
        facts += [f"From a file: `{setting}_FILE`"] if name != "data_dir" else []
        listed = "\n".join(f"- {fact}" for fact in facts)
        yield f"\n## {setting}\n\n{description}\n\n{listed}\n"
    if described:
        raise ValueError(f"docs/operators/settings.md lists what is not a setting: {', '.join(described)}")


def descriptions() -> dict[str, tuple[str, str]]:
    """Return the default and the description of each setting, in words, from the operators' page."""
    page = (DOCS / "operators/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(SIMSIM_\w+)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    return {name: (standard, moved(described)) for name, standard, described in rows}


def moved(described: str) -> str:
    """Return a description with links that lead from the reference to where they led from the operators' page."""
    linked = re.sub(r"\]\((?=[\w-]+\.md)", "](../operators/", described)
    return linked.replace("(see below)", "([examples](../operators/settings.md#postgresql))")


def problems() -> Iterator[str]:
    """Yield a section for each problem, by status. Its heading is its name: the management API's types lead there."""
    from simsim import management_problem, problem
    from simsim.operations.failures import EXIT_STATUSES, FAILED

    known = {
        each.slug: each
        for module in (problem, management_problem)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, problem.Problem) and each not in (problem.Problem, management_problem.Internal)
    } | {problem.Problem.slug: management_problem.Internal}
    for each in sorted(known.values(), key=lambda each: (each.status, each.slug)):
        facts = [f"Status: {each.status}", f"Exit status: {EXIT_STATUSES.get(each.status, FAILED)}"]
        said = placeholders(each.detail) or "The detail varies."
        listed = "\n".join(f"- {fact}" for fact in facts)
        yield f"\n## {each.slug}\n\n{each.title}. {said}\n\n{listed}\n"


def reasons() -> Iterator[str]:
    """Yield a section for each reason of the gate and each cause of the gateway, with what to do."""
    from simsim.console.logs.advice import STEPS
    from simsim.credential import basic, decision
    from simsim.gate import refusals
    from simsim.request_log.outcome import GatewayCause
    from simsim.request_log.search.sentences import SENTENCES
    from simsim.request_log.ship.join import STATUS_OF_REFUSALS

    causes: dict[str, list[str]] = defaultdict(list)
    for module in (basic, decision, refusals):
        for each in vars(module).values():
            if isinstance(each, decision.Decision) and each.cause not in causes[each.reason]:
                causes[each.reason].append(each.cause)
    causes[decision.Reason.UNKNOWN_CREDENTIALS].append(decision.Cause.PASSWORD_FORM)
    causes[decision.Reason.THROTTLED] += [
        decision.Cause.RATE, decision.Cause.QUOTA_DAY, decision.Cause.QUOTA_MONTH, GatewayCause.TOO_MANY,
    ]  # fmt: skip
    causes[decision.Reason.OK].append(GatewayCause.PREFLIGHT)
    causes[decision.Reason.UNAVAILABLE].append(GatewayCause.GATE_AWAY)
    left = set(decision.Cause) - {cause for found in causes.values() for cause in found}
    silent = set(decision.Reason) - set(causes)
    if left or silent:
        raise ValueError(f"no reason for the causes {left}, or no cause for the reasons {silent}")
    for reason in decision.Reason:
        status = "passed on to the API" if reason == "ok" else STATUS_OF_REFUSALS.get(reason, 401)
        yield f"\n## {reason}\n\nStatus: {status}.\n"
        yield from table(
            ("what the log says", "what to do"),
            (
                (placeholders(SENTENCES.get(cause, "The token let the request in.")), STEPS.get(cause, ("",))[0])
                for cause in causes[reason]
            ),
        )


def mails() -> Iterator[str]:
    """Yield the table of the emails: subject and recipients."""
    import simsim.mail
    from simsim.tokens.notice_policy import CHOICES

    kinds = sorted(
        path.parent.name for path in (Path(simsim.mail.__file__).parent / "templates/mail").glob("*/subject.txt")
    )
    notices = {notice.value: audiences for notice, audiences in CHOICES.items()}
    rows = []
    for kind in [*kinds, "password_reset_key"]:
        chosen = [str(audience.label).lower() for audience in notices.get(kind, ())]
        recipients = chosen[0] if chosen else SENT_TO[kind]
        rows.append((subject(kind), recipients, ", ".join(chosen[1:]) or "nothing", f"`{kind}`"))
    yield from table(("subject", "sent to", "an account can choose instead", "name in `simsim mail list`"), rows)


def node_metrics() -> Iterator[str]:
    """Yield the table of the metrics of one node."""
    from simsim.health.metric_list import NODE_METRICS

    yield from metrics(NODE_METRICS)


def installation_metrics() -> Iterator[str]:
    """Yield the table of the metrics of the whole installation."""
    from simsim.health.metric_list import INSTALLATION_METRICS

    yield from metrics(INSTALLATION_METRICS)


def metrics(listed: Iterable[Any]) -> Iterator[str]:
    rows = ((f"`{each.name}`", each.kind, ", ".join(f"`{name}`" for name in each.labels), each.help) for each in listed)
    return table(("metric", "kind", "labels", "what it says"), rows)


def alerts() -> Iterator[str]:
    """Yield the table of the alerts: what is wrong, and what to do."""
    import yaml

    from simsim.operations.verbs.monitoring_files import packaged

    rules = yaml.safe_load(packaged("alert_rules.yml"))["groups"][0]["rules"]
    yield from table(
        ("alert", "severity", "what is wrong", "what to do"),
        (
            (
                f"`{each['alert']}`",
                each["labels"]["severity"],
                templated(each["annotations"]["summary"]),
                each["annotations"]["todo"],
            )
            for each in rules
        ),
    )


def templated(summary: str) -> str:
    """Return an alert's summary with its values as words: `{{ $labels.host }}` becomes *host*."""
    return re.sub(r"\{\{ \$(?:labels\.)?(\w+) \}\}", r"*\1*", summary)


def subject(kind: str) -> str:
    from django.template.loader import render_to_string

    template = (
        "account/email/password_reset_key_subject.txt" if kind == "password_reset_key" else f"mail/{kind}/subject.txt"
    )
    facts = {"account": "ACCOUNT", "asker": "MEMBER", "days_left": 2, "change": "password_changed"}
    return render_to_string(template, facts).strip()


def placeholders(sentence: str) -> str:
    """Return a sentence with its values as words: `%(name)s` becomes *name*."""
    return re.sub(r"%\((\w+)\)s", lambda found: f"*{found[1].replace('_', ' ')}*", sentence)


def paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table, nothing for one without rows."""
    made = [list(row) for row in rows]
    if made:
        head = list(head)
        yield from (row_of(head), row_of("---" for _ in head), *(row_of(row) for row in made), "")


def row_of(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": settings,
    "problems": problems,
    "reasons": reasons,
    "mails": mails,
    "alerts": alerts,
    "node_metrics": node_metrics,
    "installation_metrics": installation_metrics,
}
