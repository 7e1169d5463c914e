"""The few settings that a gate needs, read without pydantic: a middleware runs in the environment of its API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simsim.config import addresses
from simsim.config.database_addresses import is_postgresql, prove_database_url, sqlite_path
from simsim.config.setting_sources import PREFIX, Given, data_dir, listed, read_sources
from simsim.config.setting_words import MAX_FAILURES, WORDS
from simsim.gate.refusals import FAILURES_PER_ADDRESS, FAILURES_PER_USERNAME
from simsim.operations.log_format import LogFormat
from simsim.problem import Unusable
from simsim.traces import settings as trace_settings

# As pydantic reads a switch: https://docs.pydantic.dev/latest/api/standard_library_types/#booleans
TRUE, FALSE = frozenset({"1", "on", "t", "true", "y", "yes"}), frozenset({"0", "off", "f", "false", "n", "no"})
# As pydantic reads a whole number: https://docs.pydantic.dev/latest/concepts/conversion_table/
_is_number = re.compile(r"[+-]?[0-9]{1,30}(_[0-9]{1,30})*(\.0+)?").fullmatch


@dataclass(frozen=True)
class GateSettings:
    """What a gate needs of the operator's settings; `environment.Environment` has them all, under the same names.

    `database_url` is "" for the file in the data directory; `trusted_networks` are packed ranges, see
    `credential.allowlist`.
    """

    data_dir: Path
    database_url: str
    trusted_networks: bytes
    failures_per_address: int
    failures_per_username: int
    log_format: LogFormat
    announce_expiry: bool
    accept_bearer: bool

    @property
    def is_embedded(self) -> bool:
        return not is_postgresql(self.database_url)

    @property
    def database_path(self) -> Path:
        return sqlite_path(self.database_url) or self.data_dir / "simsim.sqlite3"

    @property
    def spool_dir(self) -> Path:
        return self.data_dir / "spool"


def read() -> GateSettings:
    """Return the gate's settings; raise Unusable, in one line that names the setting, for a bad one."""
    given = read_sources()
    if url := text(given, "database_url"):
        prove_database_url(f"{PREFIX}DATABASE_URL", url)
    trace_settings.prove_usable()
    return GateSettings(
        data_dir=data_dir().absolute(),
        database_url=url,
        trusted_networks=addresses.trusted_networks(listed(text(given, "trusted_proxies"))),
        failures_per_address=failures(given, "failures_per_address", FAILURES_PER_ADDRESS),
        failures_per_username=failures(given, "failures_per_username", FAILURES_PER_USERNAME),
        log_format=log_format(given),
        announce_expiry=switch(given, "announce_expiry", default=True),
        accept_bearer=switch(given, "accept_bearer", default=False),
    )


def text(given: Mapping[str, Given], name: str) -> str:
    return given[name].value if name in given else ""


def failures(given: Mapping[str, Given], name: str, default: int) -> int:
    if name not in given:
        return default
    value = given[name].value
    found = int(value.partition(".")[0]) if _is_number(value) else -1
    if not 0 <= found <= MAX_FAILURES:
        raise unusable(name)
    return found


def log_format(given: Mapping[str, Given]) -> LogFormat:
    value = text(given, "log_format") or LogFormat.TEXT
    if value not in set(LogFormat):
        raise unusable("log_format")
    return LogFormat(value)


def switch(given: Mapping[str, Given], name: str, *, default: bool) -> bool:
    value = text(given, name).lower()
    if name in given and value not in TRUE | FALSE:
        raise unusable(name)
    return value in TRUE if name in given else default


def unusable(name: str) -> Unusable:
    return Unusable("%(name)s %(reason)s", name=PREFIX + name.upper(), reason=WORDS[name])
