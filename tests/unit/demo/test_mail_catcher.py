"""The mail catcher keeps and shows every mail, and nothing in a mail can act."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo_mail_catcher import HOSTILE, Catcher
from simsim.demo.mail_page import linked, mail_page


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    running = Catcher(tmp_path / "mail")
    yield running
    running.stop()


@pytest.mark.covers("R8")
def test_mails_are_listed_newest_first_and_kept_over_a_restart(catcher: Catcher) -> None:
    catcher.send("first")
    catcher.send("second", text="Grüße\n", html="<p>Hello</p>")
    assert catcher.stop() == 0
    catcher.start()
    mails = json.loads(catcher.get("/messages.json")[1])
    assert [mail["subject"] for mail in mails] == ["second", "first"]
    assert set(mails[0]) == {"id", "to", "subject", "text", "html", "message_id", "sent_at"}
    shown = (mails[0]["to"], mails[0]["text"], mails[0]["html"].strip())
    assert shown == ("alice@example.com", "Grüße\n", "<p>Hello</p>")
    assert (mails[0]["message_id"], mails[0]["sent_at"][-1]) == ("<second@test>", "Z")
    assert {path.stat().st_mode & 0o777 for path in catcher.directory.iterdir()} == {0o600}


def test_nothing_in_a_mail_can_act(catcher: Catcher) -> None:
    catcher.send("hostile", text=HOSTILE, html=f"<script>alert(2)</script>{HOSTILE}")
    (mail,) = json.loads(catcher.get("/messages.json")[1])
    for path in ("/", f"/messages/{mail['id']}"):
        response, page = catcher.get(path)
        assert response.status == 200
        assert "<script" not in page
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
    response, _ = catcher.get(f"/messages/{mail['id']}/html")
    assert response.headers["Content-Security-Policy"].startswith("sandbox allow-popups ")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_request_with_another_host_name_is_refused(catcher: Catcher) -> None:
    assert catcher.get("/messages.json", host="evil.example")[0].status == 421


@pytest.mark.parametrize("path", ["/messages/", "/messages/..%2f..%2fetc", "/messages/../../sample", "/other"])
def test_no_other_path_finds_a_file(catcher: Catcher, path: str) -> None:
    assert catcher.get(path)[0].status == 404


def test_addresses_in_a_text_become_links_and_the_rest_is_escaped() -> None:
    assert linked('See http://a.example/?x=1&y="2" <now>') == (
        'See <a href="http://a.example/?x=1&amp;y=" rel="noreferrer">http://a.example/?x=1&amp;y=</a>'
        "&quot;2&quot; &lt;now&gt;"
    )
    fields = dict.fromkeys(("id", "to", "subject", "text", "html", "message_id", "sent_at"), HOSTILE)
    assert "<script" not in mail_page(fields)
