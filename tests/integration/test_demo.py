"""`make demo` from the outside: its output works, its data stays, and its processes end."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from postgresql_server import free_port
from processes import descendants, is_alive, wait_for
from running_demo import Demo
from time_alone import pace

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]
RESTART_SECONDS = 8
# RFC 5737 and RFC 3849.
DOCUMENTATION = [ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "state")
    demo.start()
    yield demo
    if demo.process.poll() is None:
        demo.stop()


@pytest.mark.covers("B9", "R15")
def test_printed_curl_line_works(demo: Demo) -> None:
    assert demo.curl() == 200


@pytest.mark.covers("B11")
def test_scripts_find_everything_in_a_file_that_only_its_owner_reads(demo: Demo) -> None:
    answers = demo.answers
    assert demo.answer_file.stat().st_mode & 0o777 == 0o600
    assert set(answers) == {
        "console_url", "gateway_url", "mail_url", "account_id", "administrator", "member", "token",
    }  # fmt: skip
    assert set(answers["administrator"]) == set(answers["member"]) == {"email", "password"}
    assert set(answers["token"]) == {"id", "username", "password"}
    assert (answers["administrator"]["email"], answers["member"]["email"]) == ("alice@example.com", "bob@example.com")
    assert answers["token"]["username"] == answers["account_id"]
    assert urlsplit(answers["console_url"]).port == demo.port
    text = "".join(demo.printed)
    for shown in (answers["console_url"], answers["mail_url"], answers["administrator"]["password"]):
        assert shown in text
    assert "  Operator        olga@example.com   " in text
    assert [each["email"] for each in demo.simsim("operator", "list")["items"]] == ["olga@example.com"]


@pytest.mark.covers("R20")
def test_recipes_of_the_demos_console_name_an_address_that_answers(demo: Demo) -> None:
    settings = dict(line.split("=", 1) for line in (demo.directory / "simsim.env").read_text().splitlines())
    url, example = (settings[f"SIMSIM_{name}"].strip('"') for name in ("API_URL", "API_EXAMPLE"))
    assert url == demo.answers["gateway_url"]
    token = demo.answers["token"]
    login = f"{token['username']}:{token['password']}"
    done = subprocess.run(["curl", "-sSf", "-u", login, url + example], capture_output=True, check=True, timeout=20)
    assert isinstance(json.loads(done.stdout), list)


@pytest.mark.covers("R14", "R17")
def test_log_and_lists_are_not_empty(demo: Demo) -> None:
    account = ("--account", demo.answers["account_id"])
    time.sleep(1)
    reasons = {row["reason"] for row in demo.simsim("log", "list", *account, "--limit", "100")["items"]}
    assert {"ok", "unknown_credentials", "expired", "revoked", "address_not_allowed"} <= reasons
    methods = {row["method"] for row in demo.simsim("log", "list", *account, "--limit", "100")["items"]}
    assert {"GET", "HEAD", "POST"} <= methods
    statuses = {row["status"] for row in demo.simsim("log", "list", *account, "--limit", "100")["items"]}
    assert {200, 401, 404, 500} <= statuses
    day = timedelta(days=1)
    today = datetime.now(UTC)
    for ago in range(5, 26, 5):
        since, until = (f"{today - day * days:%Y-%m-%d}" for days in (ago, ago - 5))
        assert demo.simsim("log", "list", *account, "--since", since, "--until", until)["items"], "a month to look at"
    listed = [token["status"] for token in demo.simsim("token", "list", *account)["items"]]
    assert (listed.count("active"), listed.count("expired"), listed.count("revoked")) == (4, 1, 1)


@pytest.mark.covers("R14")
def test_past_month_has_requests_that_failed_and_requests_refused_for_a_reason(demo: Demo) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    past = ("--account", demo.answers["account_id"], "--until", f"{an_hour_ago:%Y-%m-%dT%H:%M:%SZ}", "--limit", "1000")
    refused = demo.simsim("log", "list", *past, "--outcome", "refused")["items"]
    assert {(row["token_name"], row["reason"]) for row in refused} == {
        ("Old export", "expired"), ("Former partner", "revoked"), ("Head office workbook", "address_not_allowed"),
    }  # fmt: skip
    for status in ("404", "500"):
        failed = demo.simsim("log", "list", *past, "--outcome", "accepted", "--status", status)["items"]
        assert failed
        assert all(any(ip_address(row["address"]) in network for network in DOCUMENTATION) for row in failed)


@pytest.mark.covers("R3", "R8")
def test_administrator_finds_a_members_request_and_a_token_about_to_expire_in_the_mail(demo: Demo) -> None:
    subjects = "Budget model", "Finance dashboards"
    wait_for(lambda: all(any(name in mail["subject"] for mail in demo.mails()) for name in subjects), 15, demo.printed)
    asked = next(mail for mail in demo.mails() if "Budget model" in mail["subject"])
    assert asked["to"] == "alice@example.com"
    assert "bob@example.com" in asked["text"]


@pytest.mark.covers("B9")
def test_sample_api_answers_head_and_says_who_called(demo: Demo) -> None:
    token, url = demo.answers["token"], demo.answers["gateway_url"]
    login = f"{token['username']}:{token['password']}"
    head = subprocess.run(
        ["curl", "-sSfI", "-u", login, f"{url}/api/v2/entities"], capture_output=True, check=True, timeout=20
    )
    assert head.stdout.startswith(b"HTTP/1.1 200")
    said = subprocess.run(
        ["curl", "-sSf", "-u", login, f"{url}/api/v2/caller"], capture_output=True, check=True, timeout=20
    )
    named = {"account": demo.answers["account_id"], "token": token["id"], "token_name": "Try it with curl"}
    assert json.loads(said.stdout) == named


@pytest.mark.covers("R8")
def test_new_token_of_the_command_line_is_mailed_with_a_link_to_the_demos_console(demo: Demo) -> None:
    made = demo.simsim(
        "token", "create", "--account", demo.answers["account_id"], "--as", "alice@example.com",
        "--name", "From the shell", "--expires", "1d",
    )  # fmt: skip
    wait_for(lambda: any("From the shell" in mail["text"] for mail in demo.mails()), 15, demo.printed)
    mail = next(mail for mail in demo.mails() if "From the shell" in mail["text"])
    assert mail["to"] == "alice@example.com"
    assert demo.answers["console_url"] in mail["text"]
    assert made["password"] not in json.dumps(demo.mails())
    assert re.fullmatch(r"<.+@.+>", mail["message_id"])


def test_doctor_finds_nothing_wrong_with_the_demo(demo: Demo) -> None:
    assert all(item["ok"] for item in demo.simsim("doctor")["items"])


def test_obstacle_is_reported_in_one_line_that_names_the_variable(demo: Demo, tmp_path: Path) -> None:
    other = demo.environment | {"DEMO_DIR": str(tmp_path / "other")}
    for environment, words in (
        (demo.environment, "A demo is already running in DEMO_DIR="),
        (other, f"Port {demo.port} is in use: choose another with DEMO_PORT"),
        (other | {"DEMO_PORT": str(free_port())}, "choose another with DEMO_GATEWAY_PORT"),
        (other | {"DEMO_PORT": "x"}, "DEMO_PORT must be a port number"),
    ):
        refused = subprocess.run(
            [sys.executable, "-m", "simsim.demo"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (refused.returncode, refused.stdout) == (1, "")
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.covers("R13", "B11")
def test_stop_leaves_no_process_and_the_next_start_keeps_the_data(demo: Demo) -> None:
    before = demo.answers
    demo.simsim("token", "create", "--account", before["account_id"], "--as", "alice@example.com", "--name", "Kept",
                "--expires", "1d")  # fmt: skip
    wait_for(lambda: any("Kept" in mail["subject"] for mail in demo.mails()), 15, demo.printed)
    mails = {mail["id"] for mail in demo.mails()}
    below = descendants(demo.process.pid)
    assert demo.stop(signal.SIGINT) == 0
    wait_for(lambda: not any(is_alive(pid) for pid in below), 5, demo.printed)
    assert not demo.answer_file.exists()
    assert demo.start() < RESTART_SECONDS * pace()
    assert demo.answers == before
    assert demo.curl() == 200
    assert mails <= {mail["id"] for mail in demo.mails()}
    names = {token["name"] for token in demo.simsim("token", "list", "--account", before["account_id"])["items"]}
    assert "Kept" in names


@pytest.mark.covers("R13")
def test_curl_line_works_after_its_token_was_revoked_and_the_demo_killed(demo: Demo) -> None:
    before = demo.answers["token"]
    demo.simsim("token", "revoke", before["id"], "--as", "alice@example.com")
    assert demo.curl() == 401
    below = descendants(demo.process.pid)
    demo.stop(signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in below), 20, demo.printed)
    demo.answer_file.unlink()
    demo.start()
    assert demo.answers["token"]["id"] != before["id"]
    assert demo.curl() == 200
