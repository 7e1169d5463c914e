"""`simsim webhook` on the real database: the same rules hold as in the console."""

import pytest

from cast import Cast
from simsim.webhooks import outbox
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7", "B20")]
ALICE = ("--as", "alice@acme.example")


def test_webhooks_are_managed_by_script(simsim: Simsim, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    added = simsim(
        "webhook", "add", "--account", str(cast.acme.pk), *ALICE, "--name", "Tickets", "--url",
        "https://hooks.example/x", "--event", "token.revoked", "--event", "token.created",
    )  # fmt: skip
    assert added["secret"].startswith("whsec_")
    assert (added["events"], added["status"]) == (["token.created", "token.revoked"], "active")
    webhook = added["id"]
    assert simsim("webhook", "edit", webhook, *ALICE, "--event", "token.expired")["events"] == ["token.expired"]
    rotated = simsim("webhook", "rotate", webhook, *ALICE)
    assert rotated["secret"] != added["secret"]
    assert rotated["previous_secret_works_until"]
    (listed,) = simsim("webhook", "list", "--account", str(cast.acme.pk))["items"]
    assert (listed["id"], listed["url"], "secret" in listed) == (webhook, "https://hooks.example/x", False)
    sent = simsim("webhook", "test", webhook, *ALICE)
    monkeypatch.setattr(outbox, "send", lambda *_, **__: 204)
    outbox.deliver_due(now=outbox.waiting().get().due_at)
    (delivery,) = simsim("webhook", "deliveries", webhook, "--state", "delivered")["items"]
    assert [answer["status"] for answer in delivery["answers"]] == [204]
    assert simsim("webhook", "resend", sent["id"], *ALICE)["state"] == "waiting"
    assert simsim("webhook", "pause", webhook, *ALICE)["pause_reason"] == "person"
    assert "is paused" in simsim("webhook", "resend", sent["id"], *ALICE, fails=4)
    assert simsim("webhook", "resume", webhook, *ALICE)["status"] == "active"
    assert simsim("webhook", "remove", webhook, *ALICE)["removed"]
    assert simsim("webhook", "list", "--account", str(cast.acme.pk))["items"] == []


def test_wrong_arguments_are_named(simsim: Simsim, cast: Cast) -> None:
    add = ("webhook", "add", "--account", str(cast.acme.pk), "--name", "N", "--url", "https://hooks.example/")
    assert "Only administrators" in simsim(*add, "--event", "token.created", "--as", "bob@acme.example", fails=5)
    assert "does not belong" in simsim(*add, "--event", "token.created", "--as", "charlie@globex.example", fails=3)
    assert "There is no event “token.eaten”" in simsim(*add, "--event", "token.eaten", *ALICE, fails=2)
    for missing in ("nonsense", "c2a94d10-6a55-4b0b-8f0e-2f6b7d3e9a01"):
        assert f"No webhook has the id “{missing}”" in simsim("webhook", "deliveries", missing, fails=3)
        assert f"No delivery has the id “{missing}”" in simsim("webhook", "resend", missing, *ALICE, fails=3)
