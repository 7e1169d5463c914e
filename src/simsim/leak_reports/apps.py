from django.apps import AppConfig


class LeakReportsConfig(AppConfig):
    name = "simsim.leak_reports"
    label = "leak_reports"
