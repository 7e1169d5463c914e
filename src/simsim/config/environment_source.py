"""Gives pydantic the settings, wherever they come from."""

from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from simsim.config.setting_sources import read_sources


class Sources(PydanticBaseSettingsSource):
    """Gives pydantic the settings from the environment, the files and `simsim.env`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        given = self().get(field_name)
        return given, field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: setting.value for name, setting in read_sources().items()}
