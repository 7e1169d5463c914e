"""Bad settings: each stops the start with one line that names it, or does no harm."""

import base64
import os
from pathlib import Path

import pytest

from simsim.config import environment
from simsim.problem import Unusable

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
POSTGRESQL = "postgresql://simsim:hunter2secret@db.internal"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("SIMSIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSIM_DATA_DIR", str(tmp_path))
    return tmp_path


def refusal() -> str:
    with pytest.raises(Unusable) as caught:
        environment.read()
    return str(caught.value)


# A bad name or value, and the words that the line must contain besides the name.
BAD = [
    # Unknown names: the error suggests the most similar one.
    ("SIMSIM_BASEURL", "https://console.example", "did you mean SIMSIM_BASE_URL?"),
    ("SIMSIM_LOG_RETENTION", "30", "did you mean SIMSIM_LOG_RETENTION_DAYS?"),
    ("SIMSIM_TOKEN_KEY", KEY, "did you mean SIMSIM_TOKEN_KEYS?"),
    ("SIMSIM_TRUSTED_PROXY", "10.0.0.1", "did you mean SIMSIM_TRUSTED_PROXIES?"),
    ("SIMSIM_MAIL_URL", "smtp://mail", "did you mean SIMSIM_EMAIL_URL?"),
    ("SIMSIM_EMAIL_SENDER", "a@b.example", "did you mean SIMSIM_EMAIL_"),
    ("SIMSIM_DB_URL", "postgresql://db/simsim", "DATABASE_URL?"),
    ("SIMSIM_FORWARD_CERT", "/ca.pem", "did you mean SIMSIM_FORWARD_"),
    ("simsim_base_url", "https://console.example", "did you mean SIMSIM_BASE_URL?"),
    ("SIMSIM_DATA_DIR_FILE", "/run/dir", "did you mean SIMSIM_DATA_DIR?"),
    ("SIMSIM_BASEURL_FILE", "/run/url", "did you mean SIMSIM_BASE_URL?"),
    ("SIMSIM_SERVER_PORT_NUMBER", "8000", "is not a setting"),
    ("SIMSIM_PORT", "8000", "is not a setting"),
    ("SIMSIM_HTTPS", "1", "is not a setting"),
    ("SIMSIM_METRICS_TOKEN", "short", "at least 24"),
    ("SIMSIM_METRICS_FROM", "0.0.0.0/0", "would show the metrics to strangers"),
    ("SIMSIM_METRICS_FROM", "10.0.0.300", "10.0.0.300"),
    ("SIMSIM_LOG_FORMAT", "xml", "must be text, json or logfmt"),
    # Empty values without a meaning.
    ("SIMSIM_DATA_DIR", "", "is empty"),
    ("SIMSIM_DATA_DIR", "  ", "is empty"),
    ("SIMSIM_DATABASE_URL", "", "is empty"),
    ("SIMSIM_BASE_URL", "", "is empty"),
    ("SIMSIM_TOKEN_KEYS", "", "is empty"),
    ("SIMSIM_TOKEN_KEYS", " , ", "contains no key"),
    ("SIMSIM_SECRET_KEY", "", "is empty"),
    ("SIMSIM_EMAIL_FROM", "", "is empty"),
    ("SIMSIM_SECRET_KEY_FILE", "", "is empty"),
    # The data directory and the databases.
    ("SIMSIM_DATA_DIR", "~/simsim", "full path"),
    ("SIMSIM_DATABASE_URL", "postgres//db/simsim", "must be a URL"),
    ("SIMSIM_DATABASE_URL", "sqlite://simsim.db", "must be a URL"),
    ("SIMSIM_DATABASE_URL", "sqlite:///", "must name a file"),
    ("SIMSIM_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
    ("SIMSIM_DATABASE_URL", "sqlite:////tmp", "must name a file"),
    ("SIMSIM_DATABASE_URL", "sqlite:///simsim.db?mode=ro", "no parameters"),
    ("SIMSIM_DATABASE_URL", POSTGRESQL, "names no database"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/", "names no database"),
    ("SIMSIM_DATABASE_URL", "postgresql:///?host=/run/postgresql", "names no database"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}:99999/simsim", "invalid port number"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/simsim?sslmod=require", "Did you mean “sslmode”?"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/simsim?sslmode=yes", "invalid sslmode value"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/simsim?sslmode", "can't be read"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/simsim?connect_timeout=soon", "connect_timeout"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL},db2/simsim?target_session_attrs=master", "target_session_attrs"),
    ("SIMSIM_DATABASE_URL", "postgresql://db1:5432,db2:5432,db3:5432/simsim?host=db4,db5", "3 port numbers to 2 hosts"),
    ("SIMSIM_DATABASE_URL", "postgresql://simsim:hunter2secret%zz@db/simsim", "percent-encode"),
    ("SIMSIM_DATABASE_URL", "postgresql://simsim:hunter2/secret@db/simsim", "%2F"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/a/b", "%2F"),
    ("SIMSIM_DATABASE_URL", f"{POSTGRESQL}/{'x' * 64}", "63 bytes"),
    ("SIMSIM_LOG_DATABASE_URL", f"{POSTGRESQL}/log?sslmode=yes", "invalid sslmode value"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2secret@db:8443", "clickhouse://USER:PASSWORD@HOST"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2secret@db/a/b", "clickhouse://USER:PASSWORD@HOST"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse:///log", "clickhouse://USER:PASSWORD@HOST"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2secret@db:99999/log", "can't be read"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2/secret@db/log", "can't be read"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2secret@db/log?secure=no", "secure=false"),
    ("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim:hunter2secret@db/log?verify=false", "secure=false"),
    ("SIMSIM_DATABASE_URL", "clickhouse://simsim:hunter2secret@db/log", "postgresql:// or sqlite:///"),
    # The console's address.
    ("SIMSIM_BASE_URL", "https://console.example/simsim/", "“/simsim/”"),
    ("SIMSIM_BASE_URL", "https://console.example//", "“//”"),
    ("SIMSIM_BASE_URL", "https://console.example?", "must not contain a user"),
    ("SIMSIM_BASE_URL", "https://alice:hunter2secret@console.example", "must not contain a user"),
    ("SIMSIM_BASE_URL", "https://console.example:99999", "a port up to 65535"),
    ("SIMSIM_BASE_URL", "https://console.example:0", "a port up to 65535"),
    ("SIMSIM_BASE_URL", "https://console.example:", "missing"),
    ("SIMSIM_BASE_URL", "https://console example", "neither a host name nor"),
    ("SIMSIM_BASE_URL", "https://console_1.example", "neither a host name nor"),
    ("SIMSIM_BASE_URL", "https://-console.example", "neither a host name nor"),
    ("SIMSIM_BASE_URL", "https://127.1", "neither a host name nor"),
    ("SIMSIM_BASE_URL", "https://☃\u200d.example", "neither a host name nor"),
    ("SIMSIM_BASE_URL", "http://0.0.0.0:8000", "nobody can open"),
    ("SIMSIM_BASE_URL", "https://[fe80::1%eth0]", "IPv6"),
    ("SIMSIM_API_URL", "https://api.example.com:99999", "a port up to 65535"),
    ("SIMSIM_API_URL", "https://api_1.example.com", "neither a host name nor"),
    ("SIMSIM_API_EXAMPLE", "/a%b", "percent-encode"),
    # Mail.
    ("SIMSIM_EMAIL_URL", "smtp://h:25?starttls=true", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?starttls=yes", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?starttls", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?tls=1", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?STARTTLS=1", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?starttls=1&starttls=0", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25?starttls=1&timeout=5", "starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtps://h?starttls=1", "TLS from the start"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25/?starttls=1#x", "?starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:25/relay", "?starttls=1"),
    ("SIMSIM_EMAIL_URL", "smtp://h:99999", "a port up to 65535"),
    ("SIMSIM_EMAIL_URL", "smtp://:25", "has a host"),
    ("SIMSIM_EMAIL_URL", "smtp://simsim:hunter2secret%@h", "%25"),
    ("SIMSIM_EMAIL_URL", "smtp://simsim:hunter2#secret@h", "SIMSIM_EMAIL_URL"),
    ("SIMSIM_EMAIL_URL", "smtp://simsim@h", "needs a password"),
    ("SIMSIM_EMAIL_FROM", "Acme Support", "an address such as"),
    ("SIMSIM_EMAIL_FROM", "Acme <>", "an address such as"),
    ("SIMSIM_EMAIL_FROM", "a@b.example, c@d.example", "an address such as"),
    ("SIMSIM_EMAIL_FROM", "Acme <api@acme.example", "NAME <ADDRESS>"),
    ("SIMSIM_EMAIL_FROM", "Acme <api@acme.example>\nBcc: eve@evil.example", "control character"),
    ("SIMSIM_EMAIL_FROM", "Acme <äpi@acme.example>", "an address such as"),
    ("SIMSIM_EMAIL_FROM", "api@acme_1.example", "neither a host name nor"),
    ("SIMSIM_EMAIL_FROM", '"Acme" "Inc" <api@acme.example>', "quotes"),
    # Secrets, numbers, words, and settings that need another.
    ("SIMSIM_SECRET_KEY", "short", "32 characters"),
    ("SIMSIM_TOKEN_KEYS", "hunter2secret", "32 bytes"),
    ("SIMSIM_TOKEN_KEYS_FILE", "/proc/nope", "no such file"),
    ("SIMSIM_SECRET_KEY_FILE", "/", "is a directory"),
    ("SIMSIM_LOG_RETENTION_DAYS", "1e9", "number of days"),
    ("SIMSIM_LOG_RETENTION_DAYS", "999999999", "number of days"),
    ("SIMSIM_LOG_RETENTION_DAYS", "90d", "number of days"),
    ("SIMSIM_MAIL_RETENTION_DAYS", "0", "number of days"),
    ("SIMSIM_LOG_ADDRESS_DAYS", "-1", "or 0 to keep whole addresses"),
    ("SIMSIM_LOG_ADDRESS_DAYS", "a week", "or 0 to keep whole addresses"),
    ("SIMSIM_LOG_ADDRESS_DAYS", "365", "less than SIMSIM_LOG_RETENTION_DAYS"),
    ("SIMSIM_AUDIT_RETENTION_DAYS", "ten years", "number of days"),
    ("SIMSIM_AUDIT_RETENTION_DAYS", "364", "at least SIMSIM_LOG_RETENTION_DAYS"),
    ("SIMSIM_FORWARD_WHAT", "everything", "log, audit or both"),
    ("SIMSIM_FORWARD_SECRET", "whsec_" + KEY, "SIMSIM_FORWARD_URL is not"),
    ("SIMSIM_FORWARD_CA", "/ca.pem", "SIMSIM_FORWARD_URL is not"),
    ("SIMSIM_FORWARD_URL", "syslog+tls://siem:6514?tls=1", "without a path"),
    ("SIMSIM_FORWARD_URL", "syslog+tls://siem:99999", "must be a URL"),
    ("SIMSIM_OIDC_CLIENT_ID", "simsim", "SIMSIM_OIDC_ISSUER is not"),
    ("SIMSIM_OIDC_GROUPS", "a=b:member", "SIMSIM_OIDC_ISSUER is not"),
    ("SIMSIM_OIDC_ISSUER", "https://id.example", "SIMSIM_OIDC_CLIENT_ID is not"),
    ("SIMSIM_OIDC_ISSUER", "http://id.example", "use https://"),
    ("SIMSIM_OIDC_ISSUER", "https://id.example?x=1", "no user, “?”"),
    ("SIMSIM_OIDC_TRUST_EMAIL", "perhaps", "must be true or false"),
    ("SIMSIM_PORTAL_COLOUR", "green", "a colour such as"),
    ("SIMSIM_PORTAL_COLOUR", "#ffff00", "contrast of 1.1"),
    ("SIMSIM_PORTAL_LOGO", "/nope.svg", "no such file"),
    ("SIMSIM_PORTAL_RETURN_ORIGINS", "https://app.example/path", "is not an origin"),
    ("SIMSIM_PORTAL_RETURN_ORIGINS", "https://app.example", "SIMSIM_PORTAL_NAME is not"),
    ("SIMSIM_PORTAL_MINUTES", "3", "from 5 to 120"),
    ("SIMSIM_GATE_LISTEN", "8001", "SIMSIM_TRUSTED_PROXIES"),
    ("SIMSIM_GATE_LISTEN", "127.0.0.1:port", "HOST:PORT"),
    ("SIMSIM_GATE_LISTEN", "::1:8001", "[IPv6]:PORT"),
    ("SIMSIM_TRUSTED_PROXIES", "10.0.0.0/24;10.0.1.0/24", "SIMSIM_TRUSTED_PROXIES"),
    ("SIMSIM_ACCESS_LOGS", "caddy:", "SIMSIM_ACCESS_LOGS"),
    ("SIMSIM_LOG_PATH_PATTERNS", "/holdings/:id", "SIMSIM_LOG_PATH_PATTERNS"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD)
@pytest.mark.covers("B11")
def test_setting_that_cannot_be_used_stops_the_start_with_one_line(
    name: str, value: str, says: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    line = refusal()
    assert name in line
    assert says in line
    assert "\n" not in line
    assert not any(word in line for word in ("Error", "Errno", "hunter2", "secret%", "Input should"))
    assert not list(scratch.iterdir())


def test_setting_and_its_file_together_are_refused(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS", KEY)
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS_FILE", "/run/secrets/keys")
    assert refusal() == "SIMSIM_TOKEN_KEYS and SIMSIM_TOKEN_KEYS_FILE are both set: remove one of them"


def test_secret_file_that_is_empty_is_refused(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scratch / "empty").write_text("\n")
    monkeypatch.setenv("SIMSIM_TOKEN_KEYS_FILE", str(scratch / "empty"))
    assert refusal() == f"SIMSIM_TOKEN_KEYS_FILE: {scratch}/empty is empty"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/proc/nope", "can't be read (no such file or directory)"),
        ("/", "can't be read"),
        (__file__, "no certificates"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused(path: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_FORWARD_URL", "syslog+tls://siem.internal")
    monkeypatch.setenv("SIMSIM_FORWARD_CA", path)
    line = refusal()
    assert line.startswith(f"SIMSIM_FORWARD_CA: {path} ")
    assert says in line
    assert "Errno" not in line


def test_one_database_for_tokens_and_log_is_refused(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_LOG_DATABASE_URL", f"sqlite:///{scratch}/simsim.sqlite3")
    assert "SIMSIM_LOG_DATABASE_URL names the same database" in refusal()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SIMSIM_API_EXAMPLE=/x\n\nSIMSIM_BASE_URL\n", "line 3: not a setting"),
        ('# ours\nSIMSIM_BASE_URL="https://console.example\n', "line 2: not a setting"),
        ("SIMSIM_BASE_URL https://console.example\n", "line 1: not a setting"),
        ("SIMSIM_EMAIL_FROM=a@b.example\nSIMSIM_EMAIL_FROM=c@d.example\n", "line 2: SIMSIM_EMAIL_FROM is set twice"),
        ("\n\nSIMSIM_BASEURL=https://x\n", "line 3: SIMSIM_BASEURL is not a setting: did you mean SIMSIM_BASE_URL?"),
        ("BASE_URL=https://x\n", "line 1: BASE_URL is not a setting: did you mean SIMSIM_BASE_URL?"),
        ("SIMSIM_DATA_DIR=/elsewhere\n", "line 1: SIMSIM_DATA_DIR belongs in the environment"),
        ("SIMSIM_LOG_RETENTION_DAYS=\n", "SIMSIM_LOG_RETENTION_DAYS is empty"),
        ("hunter2-secret=1\n", "line 1: a name of other characters is not a setting"),
    ],
)
@pytest.mark.covers("B11")
def test_broken_line_beside_the_data_stops_the_start_with_file_and_line(text: str, says: str, scratch: Path) -> None:
    (scratch / "simsim.env").write_text(text)
    line = refusal()
    assert says in line
    assert "hunter2" not in line
    assert "line" not in says or line.startswith(f"{scratch}/simsim.env, ")


def test_settings_file_that_cannot_be_read_is_one_line(scratch: Path) -> None:
    (scratch / "simsim.env").mkdir()
    assert refusal() == f"SIMSIM_DATA_DIR: {scratch}/simsim.env can't be read (is a directory)"
    (scratch / "simsim.env").rmdir()
    (scratch / "simsim.env").write_bytes(b"SIMSIM_EMAIL_FROM=\xff@b.example\n")
    assert refusal().endswith("can't be read (it is not UTF-8)")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIMSIM_SERVICE_HOST", "10.0.0.7"), ("SIMSIM_SERVICE_PORT", "8000"), ("SIMSIM_SERVICE_PORT_HTTP", "8000"),
        ("SIMSIM_PORT", "tcp://10.0.0.7:8000"), ("SIMSIM_PORT_8000_TCP_ADDR", "10.0.0.7"),
        ("SIMSIM_CONSOLE_SERVICE_HOST", "10.0.0.7"), ("SIMSIM_CONSOLE_PORT_8000_TCP", "tcp://10.0.0.7:8000"),
        ("SIMSIM_SUPERVISED", "1"), ("SIMSIM_DEBUG", "1"), ("SIMSIM_TEST_DATABASE", "sqlite"),
        ("SIMSIM_USERNAME", "x"), ("SIMSIM_PASSWORD", "y"), ("SIMSIM_TRUSTED_PROXIES", ""),
        ("SIMSIM_ACCESS_LOGS", ", ,"), ("SIMSIM_API_URL", ""), ("SIMSIM_GATE_LISTEN", ""),
        ("SIMSIM_FORWARD_URL", ""), ("SIMSIM_LOG_DATABASE_URL", ""),
        ("SIMSIM_LOG_RETENTION_DAYS", " 90 "), ("SIMSIM_TOKEN_KEYS", f"{KEY} , {KEY}"),
        ("SIMSIM_EMAIL_URL", "smtp://h:25/?starttls=0"), ("SIMSIM_EMAIL_URL", "SMTPS://h"),
    ],
)  # fmt: skip
def test_harmless_settings_do_not_stop_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    environment.read()


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("https://console.example:443", "https://console.example"), ("HTTPS://Console.Example/", "https://console.example"),
        ("http://localhost:80/", "http://localhost"), ("http://localhost:8000/", "http://localhost:8000"),
        ("https://console.example:80", "https://console.example:80"), ("https://console.example.", "https://console.example"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"), ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"), ("https://127.0.0.1", "https://127.0.0.1"),
    ],
)  # fmt: skip
@pytest.mark.covers("R3")
def test_consoles_address_is_normalized(given: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_BASE_URL", given)
    assert environment.read().base_url == form


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("Acme, Inc. <api@acme.example>", '"Acme, Inc." <api@acme.example>'),
        ('"Acme, Inc." <api@acme.example>', '"Acme, Inc." <api@acme.example>'),
        ("api@acme.example", "api@acme.example"), ("Simsim <simsim@localhost>", "Simsim <simsim@localhost>"),
        ("API <api@bücher.example>", "API <api@xn--bcher-kva.example>"),
        ("Zoë <api@acme.example>", "Zoë <api@acme.example>"),
        ("Dr. Who (API) <api@acme.example>", '"Dr. Who (API)" <api@acme.example>'),
    ],
)  # fmt: skip
@pytest.mark.covers("R8")
def test_sender_has_a_form_that_fits_every_email(given: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.mail import EmailMessage

    monkeypatch.setenv("SIMSIM_EMAIL_FROM", given)
    sender = environment.read().email_from
    assert sender == form
    header = EmailMessage("s", "t", sender, ["a@b.example"]).message()["From"]
    assert "\n" not in header
    assert header.rstrip(">").endswith(form.partition("<")[2].rstrip(">") or form)


@pytest.mark.covers("B11")
def test_parameters_of_libpq_reach_django_as_they_reach_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    from simsim.config.database_addresses import django_database

    url = "postgresql://u:p%40ss@db1:5432,db2:5433/simsim?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=/ca.pem"
    monkeypatch.setenv("SIMSIM_DATABASE_URL", url)
    read = django_database("SIMSIM_DATABASE_URL", environment.read().database_url)
    named = {key: read[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    assert named == {"NAME": "simsim", "USER": "u", "PASSWORD": "p@ss", "HOST": "db1,db2", "PORT": "5432,5433"}
    assert read["OPTIONS"]["target_session_attrs"] == "read-write"
    assert (read["OPTIONS"]["sslmode"], read["OPTIONS"]["sslrootcert"]) == ("verify-full", "/ca.pem")
    local = django_database("SIMSIM_DATABASE_URL", "postgresql:///simsim?host=/run/postgresql")
    assert (local["NAME"], local["HOST"], local["PORT"]) == ("simsim", "/run/postgresql", "")
    assert local["OPTIONS"]["target_session_attrs"] == "read-write"


def test_log_is_kept_for_a_year_by_default() -> None:
    assert environment.read().log_retention_days == 365


def test_addresses_are_not_promised_to_be_shortened_in_clickhouse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIM_LOG_DATABASE_URL", "clickhouse://simsim@db/log")
    assert environment.read().log_clickhouse() is not None
    monkeypatch.setenv("SIMSIM_LOG_ADDRESS_DAYS", "30")
    assert "SIMSIM_LOG_ADDRESS_DAYS must be 0" in refusal()
