"""Every metric of `/metrics`: its name, its labels and what it says. The manual's table is made from this list."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One metric. A counter's name ends in `_total`; `labels` are the names of its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def is_counter(self) -> bool:
        return self.name.endswith("_total")

    @property
    def kind(self) -> str:
        return "counter" if self.is_counter else "histogram" if self is DECISION_SECONDS else "gauge"


# Of the node that is asked.
BUILD = Metric("simsim_build_info", "The version that runs, in a label; always 1.", ("version", "database"))
GATE_READY = Metric("simsim_gate_ready", "1 while the gate of this node can decide, else 0.")
DECISIONS = Metric("simsim_decisions_total", "Requests in this node's log, by the reason of the decision.", ("reason",))
DECISION_SECONDS = Metric(
    "simsim_decision_seconds",
    "The time from a request's arrival in the gate to its line in the spool. Up to 20 a second are measured.",
)
LINES = Metric("simsim_log_lines_shipped_total", "Log lines that this node has shipped to the database.")
SET_ASIDE = Metric("simsim_log_lines_set_aside_total", "Log lines of this node that could not be read.")
MISSED = Metric("simsim_log_missed_requests_total", "Requests that got 503 because the disk had no room to log them.")
LAG = Metric("simsim_log_lag_seconds", "The age of this node's oldest log line that is not shipped; 0 if none waits.")
UNSHIPPED = Metric("simsim_log_unshipped_bytes", "The size of this node's log lines that are not shipped.")
SPOOL = Metric("simsim_spool_bytes", "The size of the files in this node's spool, without the reserve.")
DISK_FREE = Metric("simsim_disk_free_bytes", "The free space on the spool's disk.")
DISK_SIZE = Metric("simsim_disk_size_bytes", "The size of the spool's disk.")
RESERVE = Metric("simsim_disk_reserve", "1 while the gate has disk space in reserve, else 0.")
RUNNING = Metric(
    "simsim_program_running", "1 while this program of this node's `simsim serve` runs, else 0.", ("program",)
)
FAILURES = Metric("simsim_program_failures", "How often in a row this program has ended by itself.", ("program",))
STARTED = Metric("simsim_program_start_timestamp_seconds", "When this program last started.", ("program",))
PROCESSES = Metric("simsim_program_processes", "The processes of this program.", ("program",))
RESIDENT = Metric("simsim_program_resident_bytes", "The memory that the program's processes occupy.", ("program",))
# Of the whole installation: every node says the same.
DATABASE_UP = Metric("simsim_database_up", "1 if the database answered, else 0.", ("database",))
DATABASE_SIZE = Metric("simsim_database_bytes", "The size of the database.", ("database",))
SILENCE = Metric("simsim_worker_silence_seconds", "The time since the worker's last round.", ("host", "node"))
FAILING_JOBS = Metric("simsim_worker_failing_jobs", "The worker's jobs that fail or do not return.", ("host", "node"))
WORKER_LAG = Metric(
    "simsim_worker_log_lag_seconds",
    "The age of the oldest log line that waited at the worker's last round; 0 if none did.",
    ("host", "node"),
)
MAIL_WAITING = Metric("simsim_mail_waiting", "Emails that are not delivered yet.")
MAIL_OLDEST = Metric("simsim_mail_oldest_seconds", "How long the oldest of them has waited; 0 if none waits.")
MAIL_GIVEN_UP = Metric("simsim_mail_given_up", "Emails that were given up within the last three days.")
FORWARD_WAITING = Metric(
    "simsim_forwarding_waiting_events", "Events that wait to be forwarded. Absent without SIMSIM_FORWARD_URL."
)
FORWARD_OLDEST = Metric("simsim_forwarding_lag_seconds", "How long the oldest of them has waited; 0 if none waits.")
FORWARD_LOST = Metric("simsim_forwarding_lost_events", "Events given up within the last three days.")
WEBHOOKS_WAITING = Metric("simsim_webhooks_waiting", "Webhook deliveries that were not accepted yet.")
WEBHOOKS_LAG = Metric(
    "simsim_webhooks_lag_seconds",
    "How long the oldest delivery to a receiver that answers has been due; 0 if none is.",
)
WEBHOOKS_PAUSED = Metric("simsim_webhooks_paused", "Webhooks that Simsim paused because their receivers failed.")
ACCOUNTS = Metric("simsim_accounts", "Open accounts.")
TOKENS = Metric("simsim_tokens_active", "Tokens that work.")
EXPIRING = Metric("simsim_tokens_expiring", "Active tokens that expire within this number of days.", ("days",))
CLOCK_JUMPS = Metric("simsim_clock_jumps", "How often a node's clock was set by 2 s or more within the last day.")
RESTORED = Metric("simsim_database_restored", "1 for 30 days after an older copy of the database was put back, else 0.")

NODE_METRICS = (
    BUILD, GATE_READY, DECISIONS, DECISION_SECONDS, LINES, SET_ASIDE, MISSED, LAG, UNSHIPPED, SPOOL, DISK_FREE,
    DISK_SIZE, RESERVE, RUNNING, FAILURES, STARTED, PROCESSES, RESIDENT,
)  # fmt: skip
INSTALLATION_METRICS = (
    DATABASE_UP, DATABASE_SIZE, SILENCE, FAILING_JOBS, WORKER_LAG, MAIL_WAITING, MAIL_OLDEST, MAIL_GIVEN_UP,
    FORWARD_WAITING, FORWARD_OLDEST, FORWARD_LOST, WEBHOOKS_WAITING, WEBHOOKS_LAG, WEBHOOKS_PAUSED, ACCOUNTS, TOKENS,
    EXPIRING, CLOCK_JUMPS, RESTORED,
)  # fmt: skip
