from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "simsim.api"
    label = "management_api"
