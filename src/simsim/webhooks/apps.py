from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "simsim.webhooks"
    label = "webhooks"
