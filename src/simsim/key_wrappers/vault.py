"""A key of the transit engine of Vault or OpenBao: two requests, bounded in time and size, to the operator's address.

https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simsim.delivery.connection import ReceiverUnavailable, connected, describe_error
from simsim.delivery.signed_post import status_text
from simsim.problem import Unusable

TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
PORTS = {"http": 80, "https": 443}
ADVICE = {
    ("decrypt", 400): ": was it wrapped with this key, and with this SIMSIM_KEY_WRAPPER_CONTEXT?",
    ("decrypt", 403): ": check SIMSIM_VAULT_TOKEN, and what its policy allows",
    ("encrypt", 403): ": check SIMSIM_VAULT_TOKEN, and what its policy allows",
    ("decrypt", 404): ": check SIMSIM_VAULT_MOUNT",
    ("encrypt", 404): ": check SIMSIM_VAULT_MOUNT",
}


@dataclass(frozen=True)
class VaultTransit:
    """Wraps keys as `vault:v1:…`, as Vault writes them. `context` is authenticated with each key.

    The token is read for each request, because whatever renews it replaces its file.
    """

    url: str
    mount: str
    key: str
    context: str
    token: Callable[[], str] = field(repr=False)
    namespace: str = ""
    authorities: Path | None = None

    def wrap(self, key: bytes) -> str:
        """Return Vault's ciphertext, which names the version of its key."""
        return self._ask("encrypt", {"plaintext": base64.b64encode(key).decode()}, "ciphertext")

    def unwrap(self, text: str) -> bytes:
        """Return the key; raise Unusable if Vault refuses the ciphertext, for example with another context."""
        try:
            return base64.b64decode(self._ask("decrypt", {"ciphertext": text}, "plaintext"), validate=True)
        except ValueError:
            raise Unusable("Vault's answer is not base64") from None

    def _ask(self, act: str, facts: dict[str, str], wanted: str) -> str:
        bound_to = base64.b64encode(self.context.encode()).decode()
        body = json.dumps(facts | {"associated_data": bound_to}).encode()
        status, answer = self._post(f"/v1/{self.mount}/{act}/{self.key}", body)
        if status != 200:
            reasons = "; ".join(map(str, answer.get("errors") or [])) or "without a reason"
            raise Unusable(
                "%(url)s answers %(status)s (%(reasons)s)%(advice)s",
                url=self.url, status=status_text(status), reasons=" ".join(reasons.split())[:200],
                advice=ADVICE.get((act, status), ""),
            )  # fmt: skip
        found = (answer.get("data") or {}).get(wanted)
        if not isinstance(found, str) or not found:
            raise Unusable("%(url)s answers without a %(wanted)s: is it Vault?", url=self.url, wanted=wanted)
        return found

    def _post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the answer's status and JSON. A redirect is an answer like any other: the token goes nowhere else."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        head = {
            "Host": parts.netloc,
            "Connection": "close",
            "Content-Type": "application/json",
            "X-Vault-Token": self.token(),
            "X-Vault-Request": "true",
        }
        if self.namespace:
            head["X-Vault-Namespace"] = self.namespace
        exchange = http.client.HTTPConnection(host, port)
        try:
            tls = ssl.create_default_context(cafile=self.authorities) if parts.scheme == "https" else None
            with connected([(host, port)], server_name=host, tls=tls, seconds=TOTAL_SECONDS) as connection:
                exchange.sock = connection.socket
                exchange.request("POST", path, body, head)
                answer = exchange.getresponse()
                text = answer.read(MAX_ANSWER_BYTES)
                connection.prove_whole()
        except (ReceiverUnavailable, OSError, http.client.HTTPException) as error:
            reason = str(error) if isinstance(error, ReceiverUnavailable) else describe_error(error)
            raise Unusable("%(url)s can't be reached (%(reason)s)", url=self.url, reason=reason) from error
        return answer.status, parsed(text)


def parsed(text: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else, such as a proxy's page."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
