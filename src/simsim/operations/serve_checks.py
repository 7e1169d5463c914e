"""What `simsim serve` examines in a process of its own, before it starts and before it reloads."""

from simsim.gateway import takeover
from simsim.operations.context import Wiring
from simsim.operations.program import Program
from simsim.operations.supervisor import Supervisor


def prove_reloadable(supervisor: Supervisor) -> bool:
    """Return True if this command could run again, False when asked to stop first; raise Unusable otherwise.

    A new process checks, with the code and the settings that are there now.
    """
    return supervisor.run_to_end(Program("check", takeover.same_command("--check"), is_quiet=True))


def prove_up_to_date(supervisor: Supervisor, *, wiring: Wiring) -> bool:
    """Return True when `simsim migrate` has nothing to do, False when asked to stop first; raise Unusable otherwise.

    A separate process checks, so that Django's memory is freed when it ends.
    """
    return supervisor.run_to_end(Program("check", (*wiring.this_command, "migrate", "--check"), is_quiet=True))
