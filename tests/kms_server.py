"""A stand-in for AWS KMS on loopback with TLS: checks each signature, and encrypts with the context as AWS does.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
"""

import base64
import contextlib
import json
import os
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import tls_files

REGION, ACCESS_KEY, SECRET_KEY = "eu-central-1", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ARN = f"arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_ARN = ARN.replace("1234abcd", "0987dcba")
CONTEXT = "tests"
_signed = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+)/(\d{8})/(\S+)/kms/aws4_request, SignedHeaders=(\S+), Signature=(\w+)"
)


class Refusal(Exception):
    """One of the errors of the API; the text is its name."""


@dataclass
class Kms:
    """The service: its keys, and the requests that it answered."""

    folder: Path
    keys: dict[str, bytes] = field(default_factory=lambda: {ARN: os.urandom(32), OTHER_ARN: os.urandom(32)})
    contexts: list[dict[str, str]] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    redirects_to: str = ""
    port: int = 0

    def environment(self, **more: str) -> dict[str, str]:
        """Return what an operator sets for Simsim and for AWS's library."""
        return {
            "SIMSIM_KEY_WRAPPER": "aws-kms",
            "SIMSIM_KEY_WRAPPER_KEY": ARN,
            "SIMSIM_KEY_WRAPPER_CONTEXT": CONTEXT,
            "AWS_ENDPOINT_URL_KMS": f"https://127.0.0.1:{self.port}",
            "AWS_CA_BUNDLE": str(self.folder / "kms.pem"),
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            **more,
        }

    def answer(self, target: str, asked: dict[str, Any]) -> dict[str, Any]:
        context = json.dumps(asked["EncryptionContext"], sort_keys=True).encode()
        key = self.keys.get(asked["KeyId"])
        if key is None:
            raise Refusal("NotFoundException")
        self.contexts.append(asked["EncryptionContext"])
        self.operations.append(target.removeprefix("TrentService."))
        if target == "TrentService.Encrypt":
            nonce = os.urandom(12)
            sealed = AESGCM(key).encrypt(nonce, base64.b64decode(asked["Plaintext"]), context)
            blob = asked["KeyId"].encode() + b"\0" + nonce + sealed
            return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": asked["KeyId"]}
        assert target == "TrentService.Decrypt"
        arn, _, rest = base64.b64decode(asked["CiphertextBlob"]).partition(b"\0")
        if arn.decode(errors="replace") in self.keys.keys() - {asked["KeyId"]}:
            raise Refusal("IncorrectKeyException")
        try:
            plain = AESGCM(key).decrypt(rest[:12], rest[12:], context)
        except (InvalidTag, ValueError):
            raise Refusal("InvalidCiphertextException") from None
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": asked["KeyId"]}


def prove_signature(url: str, headers: dict[str, str], body: bytes) -> None:
    """Raise Refusal unless the request is signed with our secret key (Signature Version 4)."""
    found = _signed.fullmatch(headers.get("authorization", ""))
    if not found:
        raise Refusal("MissingAuthenticationTokenException")
    access_key, day, region, names, signature = found.groups()
    signed = {name: headers[name] for name in names.split(";")}
    assert {"host", "x-amz-date", "x-amz-target"} <= signed.keys()
    assert (day, region) == (signed["x-amz-date"][:8], REGION)
    signer = SigV4Auth(Credentials(access_key, SECRET_KEY), "kms", region)
    request = AWSRequest(method="POST", url=url, data=body, headers=signed)
    request.context["timestamp"] = signed["x-amz-date"]
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if (access_key, signature) != (ACCESS_KEY, expected):
        raise Refusal("InvalidSignatureException")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Kms]:
    """Serve for as long as the context lasts."""
    kms = Kms(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if kms.redirects_to:
                self.send_response(307)
                self.send_header("Location", kms.redirects_to)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, document = 200, {}
            try:
                prove_signature(f"https://{headers['host']}/", headers, body)
                document = kms.answer(headers["x-amz-target"], json.loads(body))
            except Refusal as error:
                kms.refused.append(str(error))
                status, document = 400, {"__type": str(error), "message": ""}
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files.make(folder, "kms"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    kms.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kms
    finally:
        server.shutdown()
        server.server_close()
