from django.apps import AppConfig


class ConsoleSessionsConfig(AppConfig):
    name = "simsim.console_sessions"
    label = "console_sessions"
