"""What is wrong with a form, in the order of its fields, for the summary above it and for the first focus."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SummaryError:
    """A sentence about a field, and the id of the control that it is about."""

    control_id: str
    sentence: str


def errors_in_order(errors: Mapping[str, str], control_ids: Mapping[str, str]) -> list[SummaryError]:
    """Return the errors, by field, in the order in which `control_ids` names the fields."""
    return [SummaryError(control_id, errors[name]) for name, control_id in control_ids.items() if errors.get(name)]
