"""Requests to the provider: bounded in time and size, without redirects, and only to addresses that are allowed."""

import http.client
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from simsim.delivery.connection import Address, ReceiverUnavailable, connected, describe_error
from simsim.openid_connect.provider import Provider, ProviderUnavailable
from simsim.webhooks.destination import PORTS, DestinationRules, checked_addresses, split

TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
PUBLIC_ONLY = DestinationRules()


def session_for(provider: Provider) -> requests.Session:
    """Return a session that can reach the provider and nothing else; its methods raise ProviderUnavailable."""
    session = requests.Session()
    session.trust_env = False  # neither proxies nor a .netrc
    session.headers["User-Agent"] = "Simsim"
    session.adapters.clear()
    session.mount("https://", BoundedAdapter(provider))
    if provider.is_plain_http:
        session.mount("http://", BoundedAdapter(provider))
    return session


class BoundedAdapter(BaseAdapter):
    """Sends one request over the same bounded connection that deliveries use."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: Any = None,  # noqa: ARG002
        verify: Any = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        parts = split(request.url or "")
        if parts is None:
            raise ProviderUnavailable("the provider names an address that is not a usable URL")
        try:
            return self._exchange(request, parts)
        except (ReceiverUnavailable, OSError, http.client.HTTPException) as error:
            text = str(error) if isinstance(error, ReceiverUnavailable) else describe_error(error)
            raise ProviderUnavailable(f"{parts.netloc}: {text}") from error

    def close(self) -> None:
        """Each request has its own connection."""

    def _exchange(self, request: requests.PreparedRequest, parts: SplitResult) -> requests.Response:
        tls = ssl.create_default_context(cafile=self._provider.authorities) if parts.scheme == "https" else None
        addresses = self._addresses(parts)
        with connected(addresses, server_name=parts.hostname or "", tls=tls, seconds=TOTAL_SECONDS) as connection:
            exchange = http.client.HTTPConnection(parts.hostname or "", parts.port)
            exchange.sock = connection.socket
            head = {**{str(name): str(value) for name, value in request.headers.items()}, "Accept-Encoding": "identity"}
            sent = request.body if isinstance(request.body, str | bytes) else None
            exchange.request(request.method or "GET", request.path_url, sent, head | {"Connection": "close"})
            answer = exchange.getresponse()
            body = answer.read(MAX_ANSWER_BYTES + 1)
            connection.prove_whole()
        if 300 <= answer.status < 400:
            raise ProviderUnavailable(f"{parts.netloc} redirects, and redirects are not followed")
        if answer.status >= 500:
            raise ProviderUnavailable(f"{parts.netloc} answers {answer.status}")
        if len(body) > MAX_ANSWER_BYTES:
            raise ProviderUnavailable(f"{parts.netloc} answers with more than {MAX_ANSWER_BYTES:,} bytes")
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, request.url or "", request
        response.headers = CaseInsensitiveDict({"content-type": "", **dict(answer.headers.items())})
        response.encoding = "utf-8"
        response._content = body
        return response

    def _addresses(self, parts: SplitResult) -> list[Address]:
        """Return the addresses of a host. The operator chose the issuer's, which may be in their own network.

        Any other host comes from what the provider publishes, and must be public.
        """
        host = parts.hostname or ""
        if host == self._provider.host:
            return [(host, parts.port or PORTS[parts.scheme])]
        return checked_addresses(parts, PUBLIC_ONLY)
