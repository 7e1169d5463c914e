"""An OpenID Connect provider in a process of its own, built on Authlib's server: people, a sign-in page, and attacks.

`python identity_provider.py PORT` serves it. `running()` starts it and returns its control.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from processes import wait_for

CLIENT_ID, CLIENT_SECRET = "simsim-console", "the-secret-of-the-client"
SCOPES = "openid profile email groups"


@dataclass(frozen=True)
class IdentityProvider:
    """The control of a running provider."""

    issuer: str

    def settings(self, **more: str) -> dict[str, str]:
        """Return the settings with which Simsim uses it."""
        return {
            "SIMSIM_OIDC_ISSUER": self.issuer,
            "SIMSIM_OIDC_CLIENT_ID": CLIENT_ID,
            "SIMSIM_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "SIMSIM_OIDC_NAME": "Acme ID",
            **more,
        }

    def put_person(self, subject: str, **claims: object) -> None:
        self.control("person", {"subject": subject, "claims": claims})

    def tamper(self, **changes: object) -> None:
        """Change what is sent from now on: `claims` to add or (None) remove, `algorithm`, `key`, `status`, `once`."""
        self.control("tampering", changes)

    def asked(self) -> list[dict[str, str]]:
        """Return the parameters of the sign-ins that were asked for, the newest last."""
        found: list[dict[str, str]] = json.loads(self.control("asked", {}))
        return found

    def control(self, what: str, document: dict[str, Any]) -> bytes:
        request = urllib.request.Request(f"{self.issuer}/control/{what}", json.dumps(document).encode(),
                                         {"Content-Type": "application/json"})  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body


@contextlib.contextmanager
def running(port: int) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(f"http://127.0.0.1:{port}")
    process = subprocess.Popen([sys.executable, __file__, str(port)], stdin=subprocess.DEVNULL)

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return bool(provider.asked() == [])
        return False

    try:
        wait_for(answers)
        yield provider
    finally:
        process.terminate()
        process.wait(10)


def serve(port: int) -> None:  # noqa: C901 - the routes of one application
    import flask
    from authlib.integrations.flask_oauth2 import AuthorizationServer
    from authlib.oauth2 import OAuth2Error
    from authlib.oauth2.rfc6749 import AccessDeniedError, AuthorizationCodeMixin, ClientMixin, grants
    from authlib.oauth2.rfc7636 import CodeChallenge
    from authlib.oidc.core import OpenIDCode
    from joserfc import jwk, jwt

    issuer = f"http://127.0.0.1:{port}"
    keys = {name: jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"}) for name in ("one", "two")}
    people: dict[str, dict[str, Any]] = {}
    codes: dict[str, Any] = {}
    tokens: dict[str, str] = {}
    tampering: dict[str, Any] = {}
    asked: list[dict[str, str]] = []

    @dataclass
    class Person:
        subject: str

        def get_user_id(self) -> str:
            return self.subject

    class Client(ClientMixin):  # type: ignore[misc]
        def get_client_id(self) -> str:
            return CLIENT_ID

        def get_default_redirect_uri(self) -> str:
            return ""

        def get_allowed_scope(self, scope: str) -> str:
            return " ".join(each for each in scope.split() if each in SCOPES.split())

        def check_redirect_uri(self, redirect_uri: str) -> bool:
            return redirect_uri.endswith("/sign-in/openid-connect/callback/")

        def check_client_secret(self, client_secret: str) -> bool:
            return client_secret == CLIENT_SECRET

        def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
            return method == "client_secret_basic"

        def check_response_type(self, response_type: str) -> bool:
            return response_type == "code"

        def check_grant_type(self, grant_type: str) -> bool:
            return grant_type == "authorization_code"

    @dataclass
    class Code(AuthorizationCodeMixin):  # type: ignore[misc]
        code: str
        subject: str
        redirect_uri: str
        scope: str
        nonce: str
        auth_time: int
        code_challenge: str
        code_challenge_method: str

        def get_redirect_uri(self) -> str:
            return self.redirect_uri

        def get_scope(self) -> str:
            return self.scope

        def get_nonce(self) -> str:
            return self.nonce

        def get_auth_time(self) -> int:
            return self.auth_time

        def get_acr(self) -> None:
            return None

        def get_amr(self) -> None:
            return None

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            sent = request.payload.data
            codes[code] = Code(
                code, request.user.subject, request.payload.redirect_uri, request.payload.scope, sent["nonce"],
                flask.session["at"], sent["code_challenge"], sent["code_challenge_method"],
            )  # fmt: skip

        def query_authorization_code(self, code: str, client: Any) -> Any:
            return codes.get(code)

        def delete_authorization_code(self, authorization_code: Any) -> None:
            del codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Any) -> Any:
            return Person(authorization_code.subject)

    class IdToken(OpenIDCode):  # type: ignore[misc]
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(each["nonce"] == nonce for each in asked[:-1])

        def encode_id_token(self, token: Any, request: Any) -> str:
            code, now = request.authorization_code, int(time.time())
            claims = {"iss": issuer, "aud": CLIENT_ID, "sub": code.subject, "iat": now, "exp": now + 300,
                      "nonce": code.nonce, "auth_time": code.auth_time, **people[code.subject]}  # fmt: skip
            changed = claims | tampering.get("claims", {})
            claims = {name: value for name, value in changed.items() if value is not None}
            algorithm = tampering.get("algorithm", "RS256")
            header = {"alg": algorithm, "kid": tampering.get("kid", "one")}
            if algorithm == "none":
                return unsigned(header, claims)
            if algorithm == "HS256":
                return under_public_key(header, claims, keys["one"].as_pem(private=False))
            return str(jwt.encode(header, claims, keys[tampering.get("key", "one")], [algorithm]))

    app = flask.Flask(__name__)
    app.secret_key = secrets.token_bytes(16)
    app.config["SESSION_COOKIE_NAME"] = "provider"
    server = AuthorizationServer(
        app,
        query_client=lambda client_id: Client() if client_id == CLIENT_ID else None,
        save_token=lambda token, request: tokens.update({token["access_token"]: request.user.subject}),
    )
    server.register_grant(CodeGrant, [CodeChallenge(required=True), IdToken(require_nonce=True)])

    @app.before_request
    def fail() -> Any:
        is_control = flask.request.path.startswith("/control/")
        return ("", tampering["status"]) if "status" in tampering and not is_control else None

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }
        return document | tampering.get("metadata", {})

    @app.get("/keys")
    def public_keys() -> Any:
        return {"keys": [keys["one"].as_dict(private=False)]}

    @app.get("/userinfo")
    def userinfo() -> Any:
        subject = tokens[flask.request.headers["Authorization"].removeprefix("Bearer ")]
        return {"sub": subject, **people[subject]} | tampering.get("userinfo", {})

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        sent = flask.request.args
        if flask.request.method == "GET":
            asked.append(dict(sent))
        elif flask.request.form["who"] == "deny":
            denied = AccessDeniedError(redirect_uri=sent["redirect_uri"])
            denied.state = sent["state"]
            return server.handle_response(*denied())
        else:
            flask.session.update(subject=flask.request.form["who"], at=int(time.time()))
        asks_again = sent.get("prompt") == "login" and not tampering.get("never_asks")
        if flask.request.method == "GET" and (asks_again or "subject" not in flask.session):
            return sign_in_page(people)
        try:
            grant = server.get_consent_grant(end_user=Person(flask.session["subject"]))
        except OAuth2Error as error:
            return f"refused: {error}", 400
        return server.create_authorization_response(grant_user=Person(flask.session["subject"]), grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/control/<what>")
    def control(what: str) -> Any:
        document = flask.request.get_json()
        if what == "person":
            people[document["subject"]] = document["claims"]
        elif what == "tampering":
            tampering.clear()
            tampering.update(document)
        return flask.jsonify(asked)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run("127.0.0.1", port, threaded=True)


def sign_in_page(people: dict[str, Any]) -> str:
    buttons = "".join(f'<button name="who" value="{each}">Sign in as {each}</button>' for each in sorted(people))
    return (
        "<!doctype html><html lang=en><title>Acme ID</title><h1>Acme ID</h1>"
        f'<form method=post>{buttons}<button name="who" value="deny">Deny</button></form>'
    )


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(encoded(json.dumps(part).encode()) for part in (header, claims)) + "."


def under_public_key(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Return a token that takes the public key, which everybody knows, for a shared secret."""
    signed = unsigned(header, claims)[:-1]
    return f"{signed}.{encoded(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


if __name__ == "__main__":
    serve(int(sys.argv[1]))
