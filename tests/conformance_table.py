"""The table of docs/operators/conformance.md: which case holds where, and why not where it does not.

python tests/conformance_table.py    # writes it
"""

from pathlib import Path

import conformance_cases
import conformance_phases
from conformance_front import LAST, LOGGED, ORDINARY, Check

PAGE = Path(__file__).parents[1] / "docs/operators/conformance.md"
FRONTS = {
    "gateway": "`simsim gateway`", "nginx": "nginx", "caddy": "Caddy", "envoy": "Envoy", "haproxy": "HAProxy",
    "traefik": "Traefik", "fastapi": "FastAPI", "starlette": "Starlette", "flask": "Flask", "django": "Django",
    "fastapi-elsewhere": "FastAPI, gate elsewhere", "flask-elsewhere": "Flask, gate elsewhere",
}  # fmt: skip
OWN_ASGI, OWN_WSGI = ("fastapi", "starlette"), ("flask", "django")
ASGI, WSGI = (*OWN_ASGI, "fastapi-elsewhere"), (*OWN_WSGI, "flask-elsewhere")
# Why a case does not hold. The suite proves that it does not: a reason that no longer applies is an error.
BEFORE_US = "The API's own server reads `Connection` and `Upgrade` before the middleware; nothing is forwarded."
REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "The API gets no Connection header that names ours": {BEFORE_US: (*ASGI, *WSGI)},
    "The API gets no Upgrade: h2c": {BEFORE_US: (*ASGI, *WSGI)},
    "POST becomes no WebSocket": {
        "The API's own server (here Granian) takes a handshake with any method. The gate has decided it as such.": ASGI
    },
    "A WebSocket is carried both ways": {"WSGI has no WebSockets.": WSGI},
    "No header of ours comes as a trailer": {
        "HAProxy forwards trailers; with 3.2 or newer, `option http-drop-request-trailers` drops them.": ("haproxy",)
    },
    "While the gate is away: 503 with Retry-After": {
        "Traefik answers 500 without `Retry-After` when it can't ask. It lets nothing in.": ("traefik",),
        "The verdict is made in the API's own process, so there is no gate to lose.": (*OWN_ASGI, *OWN_WSGI),
    },
}
NOTES = [reason for reasons in REASONS.values() for reason in reasons]


PAGE_TEXT = """# Conformance

Our test suite runs the same {number} cases against the gateway, against each proxy of [Use your own proxy](proxies.md),
configured as on that page, and against the [middleware](middleware.md) in four frameworks, also where it asks
[a gate elsewhere](remote-gate.md). The table is written from the suite, and a test fails if it differs.

✓ means that the case holds. A number means that it does not, for the reason below the table.

{table}

{reasons}
"""


def all_cases() -> dict[str, Check]:
    assert conformance_cases.__name__
    assert conformance_phases.__name__
    return ORDINARY | LOGGED | LAST


def reason_for(name: str, front: str) -> str | None:
    return next((why for why, fronts in REASONS.get(name, {}).items() if front in fronts), None)


def page() -> str:
    """Return the page with the table of all cases."""
    notes = list(dict.fromkeys(NOTES))
    cases = all_cases()
    rows = [f"| case | {' | '.join(FRONTS.values())} |", f"|---|{'---|' * len(FRONTS)}"]
    for name in cases:
        marks = (reason_for(name, front) for front in FRONTS)
        cells = ("✓" if why is None else f"({notes.index(why) + 1})" for why in marks)
        rows.append(f"| {name} | {' | '.join(cells)} |")
    numbered = (f"{number}. {why}" for number, why in enumerate(notes, 1))
    return PAGE_TEXT.format(number=len(cases), table="\n".join(rows), reasons="\n".join(numbered))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
