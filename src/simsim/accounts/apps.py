from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "simsim.accounts"
    label = "accounts"

    def import_models(self) -> None:
        super().import_models()
        from simsim.accounts import provisioning_models  # noqa: F401, PLC0415 - they belong to this app too
