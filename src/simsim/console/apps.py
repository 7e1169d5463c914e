from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "simsim.console"
    label = "console"

    def ready(self) -> None:
        from simsim.console import sign_in_trail  # noqa: PLC0415 - connects receivers, which need the models

        sign_in_trail.connect()
