from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "simsim.mail"
    label = "mail"
