"""Which notices about a token's quotas have been sent."""

from typing import ClassVar

from django.db import models


class QuotaNotice(models.Model):
    """That a token had used `percent` of a quota of `most` requests in a period: "2026-11-28" or "2026-11", in UTC.

    Whichever worker writes the row first sends the notice.
    """

    token = models.ForeignKey("tokens.Token", models.CASCADE, related_name="+")
    period = models.CharField(max_length=10)
    most = models.BigIntegerField()
    percent = models.PositiveSmallIntegerField()
    noticed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token", "period", "most", "percent"], name="one_notice_of_a_quota")
        ]
        indexes: ClassVar = [models.Index(fields=["noticed_at"], name="quota_notices_by_time")]

    def __str__(self) -> str:
        return f"{self.token_id}, {self.period}: {self.percent} % of {self.most}"
