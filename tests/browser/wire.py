"""Bytes on the wire, as the browser counts them."""

from typing import Any

from playwright.sync_api import CDPSession

MAX_BYTES = 150_000


class Wire:
    """The bytes that the browser received since the last page load, as its own protocol counts them."""

    def __init__(self, session: CDPSession) -> None:
        self.received: dict[str, float] = {}
        self.addresses: dict[str, str] = {}
        self.kept: set[str] = set()
        for name in ("requestWillBeSent", "requestServedFromCache", "responseReceived", "loadingFinished"):
            session.on(f"Network.{name}", getattr(self, name))
        session.send("Network.enable")

    def requestWillBeSent(self, event: dict[str, Any]) -> None:
        redirect = event.get("redirectResponse")
        if event["type"] == "Document" and not redirect:
            self.received.clear()
            self.addresses.clear()
            self.kept.clear()
        self.addresses[event["requestId"]] = event["request"]["url"]
        self.count(event["requestId"], redirect["encodedDataLength"] if redirect else 0)

    def requestServedFromCache(self, event: dict[str, Any]) -> None:
        self.kept.add(event["requestId"])

    def responseReceived(self, event: dict[str, Any]) -> None:
        if event["response"]["fromDiskCache"]:
            self.kept.add(event["requestId"])

    def loadingFinished(self, event: dict[str, Any]) -> None:
        self.count(event["requestId"], event["encodedDataLength"])

    def count(self, request: str, size: float) -> None:
        self.received[request] = self.received.get(request, 0) + size

    @property
    def bytes(self) -> int:
        return round(sum(self.received.values()))

    @property
    def fetched(self) -> dict[str, int]:
        """The number of transferred bytes by URL."""
        return {
            self.addresses[request]: round(size) for request, size in self.received.items() if request not in self.kept
        }

    @property
    def files(self) -> list[str]:
        return [address for address in self.fetched if "/static/" in address]
