from django.apps import AppConfig


class ManagementTokensConfig(AppConfig):
    name = "simsim.management_tokens"
    label = "management_tokens"
