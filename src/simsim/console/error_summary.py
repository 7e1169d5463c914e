"""A form's errors in the order of its fields, for the summary above the form and for the focus."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SummaryError:
    """The error of one field, and the id of its control."""

    control_id: str
    sentence: str


def errors_in_order(errors: Mapping[str, str], control_ids: Mapping[str, str]) -> list[SummaryError]:
    """Return the errors in the order of the fields in `control_ids`."""
    return [SummaryError(control_id, errors[name]) for name, control_id in control_ids.items() if errors.get(name)]
