"""Messages in each form hold the request's id, one line each, and no password."""

import json
import logging
from datetime import datetime

import pytest

from simsim.credential.password import mint
from simsim.operations.log_format import LogFormat, MaskPasswords, formatter, request_id, speaker


def logged(log_format: LogFormat, message: str, *arguments: object, error: Exception | None = None) -> str:
    """Return what a handler with our filter and formatter writes for one message."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("simsim.test", logging.ERROR, __file__, 1, message, arguments, exc_info)
    assert MaskPasswords().filter(record)
    return formatter(log_format).format(record)


@pytest.mark.covers("B21")
@pytest.mark.parametrize("log_format", LogFormat)
def test_no_form_shows_a_password(log_format: LogFormat) -> None:
    secret = mint()
    text = logged(log_format, "mail to %s failed: %s", "bob", secret, error=ValueError(f"not {secret}"))
    assert secret not in text
    assert secret[:20] not in text
    assert "mail to bob failed" in text
    assert "ValueError" in text


def test_json_is_one_line_with_the_request_and_the_traceback() -> None:
    token = request_id.set("0123456789abcdef" * 2)
    text = logged(LogFormat.JSON, 'a "quoted"\nline', error=KeyError("x"))
    request_id.reset(token)
    assert "\n" not in text
    said = json.loads(text)
    assert list(said) == ["time", "level", "logger", "message", "request_id", "traceback"]
    assert datetime.fromisoformat(said["time"]).tzinfo is not None
    assert (said["level"], said["logger"], said["message"]) == ("error", "simsim.test", 'a "quoted"\nline')
    assert said["request_id"] == "0123456789abcdef" * 2
    assert said["traceback"] == "KeyError: 'x'"
    assert list(json.loads(logged(LogFormat.JSON, "x"))) == ["time", "level", "logger", "message"]


def test_logfmt_is_one_line() -> None:
    text = logged(LogFormat.LOGFMT, "two\nlines and a =", error=KeyError("x"))
    assert "\n" not in text
    assert r'level=error logger=simsim.test message="two\nlines and a =" traceback="KeyError:' in text


def test_text_names_the_request() -> None:
    token = request_id.set("abc")
    text = logged(LogFormat.TEXT, "x")
    request_id.reset(token)
    assert text.endswith(" ERROR simsim.test: x (request abc)")


def test_programs_without_django_write_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    secret = mint()
    speaker("simsim gate", LogFormat.TEXT)("OSError")
    speaker("simsim gate", LogFormat.JSON)(f"OSError {secret}")
    text, line = capsys.readouterr().err.splitlines()
    assert text == "simsim gate: OSError"
    assert secret not in line
    assert json.loads(line)["logger"] == "simsim.gate"
