"""The database router: the request log has its own database, and everything else is in the default one."""

from typing import Any

from django.conf import settings

LOG_APP = "request_log"


class RequestLogRouter:
    """Routes the request log to the alias in the settings."""

    def db_for_read(self, model: Any, **_hints: Any) -> str | None:
        return settings.REQUEST_LOG_ALIAS if model._meta.app_label == LOG_APP else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool:
        return db == (settings.REQUEST_LOG_ALIAS if app_label == LOG_APP else "default")
