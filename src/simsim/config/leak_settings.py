"""Where the public keys are that sign reports of leaked passwords, from the settings."""

from pathlib import Path

from simsim.config.addresses import prove_https_url
from simsim.problem import Unusable

LEAK_REPORT_KEYS = "SIMSIM_LEAK_REPORT_KEYS"


def prove_leak_report_keys(source: str) -> None:
    """Raise Unusable unless the text is empty, an https URL, or the full path of a file with a list of keys."""
    if not source:
        return
    if "://" in source:
        prove_https_url(LEAK_REPORT_KEYS, source)
        return
    if not Path(source).is_absolute():
        raise Unusable("%(name)s must be an https URL or the full path of a file", name=LEAK_REPORT_KEYS)
    # Only here: it takes the time of an HTTP client to load, and most installations get no such reports.
    from simsim.leak_reports.public_keys import prove_file  # noqa: PLC0415

    prove_file(LEAK_REPORT_KEYS, Path(source))
