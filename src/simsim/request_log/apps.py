from django.apps import AppConfig


class RequestLogConfig(AppConfig):
    name = "simsim.request_log"
    label = "request_log"
