from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "simsim.console"
    label = "console"

    def ready(self) -> None:
        from simsim.console import sign_in_events  # noqa: F401, PLC0415 - connects the signal receivers
        from simsim.console.security import second_factor_events  # noqa: F401, PLC0415 - as above
