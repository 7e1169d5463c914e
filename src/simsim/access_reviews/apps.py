from django.apps import AppConfig


class AccessReviewsConfig(AppConfig):
    name = "simsim.access_reviews"
    label = "access_reviews"
