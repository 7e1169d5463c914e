from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "simsim.accounts"
    label = "accounts"
