"""A key of AWS KMS. botocore signs the requests and finds the credentials, such as those of the machine's role.

https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
"""

import base64
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from simsim.key_wrappers.key_texts import AWS_KMS
from simsim.problem import Unusable

ATTEMPT_SECONDS = 5
ATTEMPTS = 2
ADVICE = {
    "AccessDeniedException": ": see what the key's policy and the role allow",
    "IncorrectKeyException": ": it was wrapped with another key than SIMSIM_KEY_WRAPPER_KEY",
    "InvalidCiphertextException": ": was it wrapped with this SIMSIM_KEY_WRAPPER_CONTEXT?",
}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class AwsKms:
    """Wraps keys as `aws-kms:…`. The context goes into the encryption context, by which a policy can be limited."""

    def __init__(self, arn: str, context: str) -> None:
        self._arn = arn
        self._bound = {"KeyId": arn, "EncryptionContext": {"simsim-installation": context, "simsim-use": "token-keys"}}

    def wrap(self, key: bytes) -> str:
        """Return the ciphertext, which names the key of AWS within."""
        return f"{AWS_KMS}:{base64.b64encode(self._call('encrypt', Plaintext=key)['CiphertextBlob']).decode()}"

    def unwrap(self, text: str) -> bytes:
        """Return the key; raise Unusable if AWS refuses the ciphertext, for example with another context."""
        try:
            wrapped = base64.b64decode(text.removeprefix(f"{AWS_KMS}:"), validate=True)
        except ValueError:
            raise Unusable("it is not base64") from None
        plain: bytes = self._call("decrypt", CiphertextBlob=wrapped)["Plaintext"]
        return plain

    def _call(self, operation: str, **request: bytes) -> dict[str, Any]:
        client = self._client
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - it is optional

        try:
            answer: dict[str, Any] = getattr(client, operation)(**request, **self._bound)
        except ClientError as error:
            advice = ADVICE.get(error.response.get("Error", {}).get("Code", ""), "")
            raise Unusable("AWS KMS refuses (%(reason)s)%(advice)s", reason=one_line(error), advice=advice) from error
        except BotoCoreError as error:  # no answer, or no credentials
            raise Unusable("AWS KMS can't be asked (%(reason)s)", reason=one_line(error)) from error
        return answer

    @cached_property
    def _client(self) -> Any:
        try:
            from botocore.config import Config  # noqa: PLC0415 - it is optional, and takes long to load
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415
            from botocore.session import Session  # noqa: PLC0415
        except ImportError:
            raise Unusable("SIMSIM_KEY_WRAPPER=aws-kms needs botocore: install simsim[aws]") from None
        bounded = Config(
            connect_timeout=ATTEMPT_SECONDS,
            read_timeout=ATTEMPT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            proxies={},  # or a variable of the environment would name one
        )
        try:
            client = Session().create_client("kms", region_name=self._arn.split(":")[3], config=bounded)
        except (BotoCoreError, ValueError) as error:  # a bad profile or endpoint in the configuration of AWS
            raise Unusable("AWS KMS can't be asked (%(reason)s)", reason=one_line(error)) from error
        endpoint = urlsplit(client.meta.endpoint_url)
        if endpoint.scheme != "https" and endpoint.hostname not in LOOPBACK:
            raise Unusable("AWS KMS: %(url)s is not https", url=client.meta.endpoint_url)
        return client


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
