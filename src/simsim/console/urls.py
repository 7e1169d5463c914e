"""The addresses of the console."""

from django.urls import path

from simsim.console import places

app_name = "console"
urlpatterns = [
    path("", places.home, name="home"),
]
