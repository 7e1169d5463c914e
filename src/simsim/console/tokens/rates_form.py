"""The part of a token's form that says how many requests it may make."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from django.http import QueryDict
from django.utils.translation import gettext

from simsim.console.formats import percent_of
from simsim.credential.rates import day_ends, month_ends, unpack
from simsim.tokens.counted_usage import usage_of
from simsim.tokens.models import Token
from simsim.tokens.quota_notices import NEARLY_USED


@dataclass
class RatesForm:
    """The four numbers as they were typed; "" is no limit."""

    per_second: str = ""
    burst: str = ""
    per_day: str = ""
    per_month: str = ""

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        return cls(*(data.get(name, "").strip() for name in ("rate", "burst", "per_day", "per_month")))

    @classmethod
    def of(cls, token: Token) -> Self:
        return cls(*(str(number or "") for number in unpack(token.rates)))

    @property
    def texts(self) -> list[str]:
        """The rate and the quotas for the action."""
        burst = f" burst {self.burst}" if self.burst else ""
        rate = [f"{self.per_second}/s{burst}"] if self.per_second or burst else []
        day = [f"{self.per_day}/day"] if self.per_day else []
        return rate + day + ([f"{self.per_month}/month"] if self.per_month else [])


class CountedQuota(NamedTuple):
    """One quota beside what is used of it, and when it starts again."""

    period: str
    used: int
    most: int
    starts_again: datetime

    @property
    def percent(self) -> str:
        return percent_of(self.used, self.most)

    @property
    def is_nearly_used(self) -> bool:
        return self.used * 100 >= self.most * NEARLY_USED

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.most


def quotas_of(token: Token, now: datetime) -> list[CountedQuota]:
    """Return what the token has used of its quotas; an empty list if it has none."""
    usage, rates = usage_of(token, now), unpack(token.rates)
    if usage is None:
        return []
    found = (
        CountedQuota(gettext("Today"), usage.total_today, rates.per_day, day_ends(now)),
        CountedQuota(gettext("This month"), usage.total_this_month, rates.per_month, month_ends(now)),
    )
    return [quota for quota in found if quota.most]
