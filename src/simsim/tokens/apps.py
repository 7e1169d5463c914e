from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "simsim.tokens"
    label = "tokens"
