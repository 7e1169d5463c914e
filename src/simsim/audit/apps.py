from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "simsim.audit"
    label = "audit"
