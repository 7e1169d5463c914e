"""Produces load: wrk runs on a core of its own and uses the credentials in turn."""

import base64
import json
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, CLIENT_CORE = "0", "1"
CONNECTIONS = 64
ROUND_SECONDS = 3
ROUNDS = 5
# A bcrypt takes a core several milliseconds, so with 64 requests waiting, the last answer is late, but that is not an
# error.
ANSWER_SECONDS = "10s"

SCRIPT = """
local lines = {}
for line in io.lines("%(file)s") do lines[#lines + 1] = line end
local at = 0
local id = string.rep("0123456789abcdef", 2)
request = function()
  at = at %% #lines + 1
  return wrk.format("GET", nil, {
    ["Authorization"] = lines[at], ["Host"] = "api.example", ["X-Request-Id"] = id%(more)s
  })
end
"""
# wrk itself counts statuses: a response() callback would run Lua for each answer, and we would measure the client.
REPORT = """
done = function(summary)
  local errors = summary.errors
  io.stderr:write(string.format('{"requests":%d,"micros":%d,"errors":%d,"statuses":%d}\\n', summary.requests,
    summary.duration, errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
"""


# As our gateway names each request to the gate.
NAMED = ', ["X-Forwarded-Method"] = "GET", ["X-Forwarded-Uri"] = "/api/v2/orders/4711/lines?page=2"'


@dataclass(frozen=True)
class Target:
    """The target of the load: a URL, the Authorization values to use in turn, and whether refusals are expected."""

    name: str
    url: str
    script: Path
    refused: bool = False


@dataclass(frozen=True)
class Comparison:
    """The rates of two targets in each round, in requests per second."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios of our rate to theirs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))


def target(
    name: str,
    url: str,
    credentials: Sequence[tuple[str, str]],
    scratch: Path,
    *,
    refused: bool = False,
    named: bool = False,
) -> Target:
    """Write the script that sends these credentials in turn, and return the target; `named`: it names a request."""
    values = scratch / f"{name}.credentials"
    values.write_text("".join(f"{authorization(pair)}\n" for pair in credentials), encoding="ascii")
    script = scratch / f"{name}.lua"
    script.write_text(SCRIPT % {"file": values, "more": NAMED if named else ""} + REPORT, encoding="ascii")
    return Target(name, url, script, refused)


def authorization(credential: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(credential).encode()).decode()


def rate(loaded: Target, seconds: int = ROUND_SECONDS, connections: int = CONNECTIONS) -> float:
    """Return the number of requests per second that the target answered.

    Raises an error if one failed or got an unexpected answer.
    """
    wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", ANSWER_SECONDS, "-s", str(loaded.script)]
    command = ["taskset", "-c", CLIENT_CORE, *wrk, loaded.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    report = json.loads(done.stderr.strip().splitlines()[-1])
    expected = report["requests"] if loaded.refused else 0
    if report["errors"] or not report["requests"] or abs(report["statuses"] - expected) > expected * 0.001:
        raise RuntimeError(f"{loaded.name} gave unexpected answers: {report}")
    return float(report["requests"] / report["micros"] * 1e6)


def compare(
    ours: Target, theirs: Target, progress: Callable[[str], None], connections: int = CONNECTIONS
) -> Comparison:
    """Load both targets in turn. Each is first in every other round."""
    rates: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for each in (ours, theirs):
        rate(each, 1, connections)
    for number in range(ROUNDS):
        order = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        for each in order:
            rates[each.name].append(rate(each, connections=connections))
        progress(f"{ours.name} : {theirs.name}  round {number + 1} of {ROUNDS}")
    return Comparison(rates[ours.name], rates[theirs.name])
