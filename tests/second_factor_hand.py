"""What a person does with a second factor: adds an authenticator app, and computes its codes (RFC 6238)."""

import base64
import hashlib
import hmac
import re
import struct
import time

from django.test import Client

from cast import PASSWORD

SIGN_IN = "/sign-in/second-factor/"
PERIOD_SECONDS = 30


def code_for(key: str, *, at: float | None = None) -> str:
    """Return the six digits that an authenticator app shows for the key in base32."""
    counter = struct.pack(">Q", int(time.time() if at is None else at) // PERIOD_SECONDS)
    digest = hmac.new(base64.b32decode(key), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def add_app(client: Client) -> tuple[str, list[str]]:
    """Add an authenticator app; return its key and the recovery codes, which are shown once."""
    page = client.get(f"{SIGN_IN}app/add/").content.decode()
    key = re.findall(r'id="totp-key"[^>]*>([A-Z2-7]+)<', page)[0]
    answer = client.post(f"{SIGN_IN}app/add/", {"code": code_for(key)})
    assert answer.status_code == 302, answer.content
    return key, recovery_codes_on(client.get(answer["Location"]).content.decode())


def recovery_codes_on(page: str) -> list[str]:
    return re.findall(r"^(\d{10})$", page.partition('id="recovery-codes"')[2].replace(">", ">\n"), re.MULTILINE)


def begin_sign_in(email: str, client: Client | None = None) -> Client:
    """Enter email and password; the second step is next."""
    client = client or Client()
    answer = client.post("/sign-in/login/", {"login": email, "password": PASSWORD})
    assert answer["Location"] == f"{SIGN_IN}authenticate/"
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/security/").status_code == 200
