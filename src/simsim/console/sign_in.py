"""How people sign in: by invitation only, with an e-mail address."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedDoor(DefaultAccountAdapter):
    """Lets nobody sign up: administrators and the operator add people."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
