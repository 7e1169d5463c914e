"""The status in words: one line for each part, and whether it is well."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from simsim.forwarding.status import ForwardingStatus
from simsim.health.installation import MailQueue, WorkerHealth
from simsim.health.node import Disk, ProgramHealth
from simsim.health.status import MAX_LAG, MAX_SILENCE, Status
from simsim.mail.delivery_status import LONG_WAIT

NO_DATABASE = "can't be read: a database does not answer"
FULL_PERCENT = 95


@dataclass(frozen=True)
class Line:
    """A part, whether it is well, and a sentence about it."""

    name: str
    is_good: bool
    text: str


def sections(status: Status) -> list[dict[str, object]]:
    """Return the status in words as JSON: about this node, the workers, and the whole installation."""
    parts = (("This node", this_node), ("Workers", workers), ("Installation", whole))
    return [
        {
            "title": title,
            "lines": [{"name": line.name, "ok": line.is_good, "text": line.text} for line in part(status)],
        }
        for title, part in parts
    ]


def this_node(status: Status) -> Iterator[Line]:
    """Yield the lines about the node that is asked."""
    if not status.served:
        yield Line("simsim serve", True, "has never run here")
    elif not status.served.is_running:
        yield Line("simsim serve", False, "has ended: start it again")
    else:
        for program in status.programs:
            yield of_program(program, status)
        if not status.is_console_answering:
            yield Line("console", False, "does not answer: read the messages of simsim serve")
        ready = "can decide" if status.is_gate_ready else "can't decide: run simsim doctor"
        yield Line("decisions", status.is_gate_ready, f"the gate {ready}")
    if gateway := status.gateway:
        answers = "answers" if gateway.is_answering else "does not answer"
        yield Line("gateway", gateway.is_answering, f"{answers} on {gateway.place}")
    yield of_log(status)
    if status.disk:
        yield of_disk(status.disk)


def of_program(program: ProgramHealth, status: Status) -> Line:
    state, family = program.state, program.family
    if state.due_at is not None:
        return Line(state.name, False, f"ended ({state.ending}), restarts at {state.due_at:%H:%M:%S} UTC")
    says = [since(state.started_at, status.at)] if state.started_at else ["runs"]
    if family:
        count = "1 process" if family.processes == 1 else f"{family.processes} processes"
        says += [count, in_bytes(family.resident_bytes)]
    if state.failures:
        says.append(f"ended {state.failures} times in a row before ({state.ending})")
    return Line(state.name, not state.failures, ", ".join(says))


def of_log(status: Status) -> Line:
    if waits := status.unshipped:
        lag = status.at - waits.since
        return Line("log", lag <= MAX_LAG, f"{in_bytes(waits.size_bytes)} waiting to be shipped for {span(lag)}")
    return Line("log", True, "no line is waiting to be shipped")


def of_disk(disk: Disk) -> Line:
    percent = round(100 * (disk.size_bytes - disk.free_bytes) / disk.size_bytes) if disk.size_bytes else 100
    reserve = "" if disk.has_reserve else "; no reserve for a full disk"
    text = f"{percent}% full, {in_bytes(disk.free_bytes)} free; the spool has {in_bytes(disk.spool_bytes)}{reserve}"
    return Line("disk", percent < FULL_PERCENT and disk.has_reserve, text)


def workers(status: Status) -> Iterator[Line]:
    """Yield a line for each node's worker."""
    if status.workers is None:
        yield Line("workers", False, NO_DATABASE)
        return
    for found in status.workers:
        yield of_worker(found, status.at)
    if not status.workers:
        yield Line("workers", True, "none has run yet")


def of_worker(found: WorkerHealth, now: datetime) -> Line:
    row = found.row
    if found.is_stopped:
        return Line(row.host, True, f"stopped since {row.stopped_at:%Y-%m-%d %H:%M} UTC")
    is_lagging = found.unshipped is not None and found.unshipped > MAX_LAG
    says = [since(row.started_at, now), f"last round {span(found.silence)} ago"]
    says += [f"log {span(found.unshipped)} behind"] if found.unshipped and is_lagging else []
    says += [f"{each['job']} fails ({each['error']})" for each in row.failing]
    says += [f"version {row.version}"] if row.version else []
    return Line(row.host, found.silence <= MAX_SILENCE and not is_lagging and not row.failing, ", ".join(says))


def whole(status: Status) -> Iterator[Line]:
    """Yield the lines about the whole installation."""
    for each in status.databases:
        size = "does not answer" if each.size_bytes is None else in_bytes(each.size_bytes)
        yield Line(f"database “{each.alias}”", each.size_bytes is not None, f"{each.product}, {size}")
    yield of_mail(status.mail, status.at) if status.mail else Line("mail", False, NO_DATABASE)
    if status.forwarding:
        yield of_forwarding(status.forwarding, status.at)
    if counts := status.tokens:
        yield Line(
            "tokens",
            True,
            f"active: {counts.active:,}, accounts: {counts.accounts:,}, expiring within 7 days: {counts.expiring[7]:,}",
        )
    else:
        yield Line("tokens", False, NO_DATABASE)


def of_mail(found: MailQueue, now: datetime) -> Line:
    is_late = found.oldest is not None and now - found.oldest > LONG_WAIT
    says = of_queue(found, now, lost=found.given_up, empty="no email is waiting")
    return Line("mail", not (is_late or found.given_up), says)


def of_forwarding(found: ForwardingStatus, now: datetime) -> Line:
    says = of_queue(found, now, lost=found.lost, empty="no event is waiting")
    return Line("forwarding", found.is_good(now), says)


def of_queue(found: MailQueue | ForwardingStatus, now: datetime, *, lost: int, empty: str) -> str:
    """Return what waits, since when, why, and how much was given up."""
    says = f"{found.waiting:,} waiting, the oldest for {span(now - found.oldest)}" if found.oldest else empty
    says += f" ({found.last_error})" if found.last_error else ""
    return says + (f"; {lost:,} given up in 3 days" if lost else "")


def since(moment: datetime, now: datetime) -> str:
    return f"since {moment:%Y-%m-%d %H:%M:%S} UTC ({span(now - moment)})"


def span(length: timedelta) -> str:
    """Return a length of time in its largest unit: `40 s`, `24 min`, `3 h`, `31 days`."""
    seconds = abs(length.total_seconds())
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def in_bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
