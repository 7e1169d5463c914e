"""The settings about where the data is: the tokens, the log's tables and the log's rows."""

from pathlib import Path

from pydantic import Field

from simsim.config.clickhouse_address import is_clickhouse, read_clickhouse
from simsim.config.database_addresses import is_postgresql, prove_database_url, sqlite_path
from simsim.config.key_settings import KeySettings
from simsim.config.setting_sources import PREFIX
from simsim.problem import Unusable
from simsim.request_log.clickhouse.server import ClickHouse


class DatabaseSettings(KeySettings):
    """`docs/operators/postgresql.md` and `docs/operators/clickhouse.md` explain them."""

    database_url: str = Field(default="", repr=False)
    log_database_url: str = Field(default="", repr=False)

    def prove_databases(self) -> None:
        """Raise Unusable for an invalid database URL, and for a database that is named twice."""
        for name, url in (("DATABASE_URL", self.database_url), ("LOG_DATABASE_URL", self.log_table_url)):
            if url:
                prove_database_url(PREFIX + name, url)
        self.log_clickhouse()
        is_same_file = self.is_embedded and not is_postgresql(self.log_table_url)
        if (is_same_file and self.log_database_path == self.database_path) or (
            self.log_table_url and self.log_table_url == self.database_url
        ):
            raise Unusable("SIMSIM_LOG_DATABASE_URL names the same database as SIMSIM_DATABASE_URL: remove it")

    def log_clickhouse(self) -> ClickHouse | None:
        """Return the ClickHouse server that has the log's rows, or None; raise Unusable for a bad URL."""
        url = self.log_database_url
        return read_clickhouse(f"{PREFIX}LOG_DATABASE_URL", url) if is_clickhouse(url) else None

    @property
    def log_table_url(self) -> str:
        """The database of the log's other tables: if the rows are in ClickHouse, the usual one."""
        return "" if is_clickhouse(self.log_database_url) else self.log_database_url

    @property
    def is_embedded(self) -> bool:
        """Whether the tokens are in SQLite: only then may missing secrets be created in the data directory."""
        return not is_postgresql(self.database_url)

    @property
    def database_path(self) -> Path:
        return sqlite_path(self.database_url) or self.data_dir.absolute() / "simsim.sqlite3"

    @property
    def log_database_path(self) -> Path:
        return sqlite_path(self.log_table_url) or self.data_dir.absolute() / "request_log.sqlite3"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """The SQLite files of the tokens and the log; empty if both are on PostgreSQL."""
        main = (self.database_path,) if self.is_embedded else ()
        has_log_file = not is_postgresql(self.log_table_url) and (self.is_embedded or self.log_table_url != "")
        return main + ((self.log_database_path,) if has_log_file else ())
