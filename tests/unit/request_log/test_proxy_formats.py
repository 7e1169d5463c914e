"""The lines of other proxies, as real ones wrote them: Caddy 2.11.7, Traefik 3.7.15, Envoy 1.40.0, nginx 1.22.1,
HAProxy 2.6.12."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.problem import Unusable
from simsim.request_log.ship.lines import Completed, completed_line, parse_completed
from simsim.request_log.ship.proxy_formats import LOG_FORMATS, AccessLog, Ignored, parse_access_log

pytestmark = pytest.mark.covers("R17", "B9")
ID = "61d3f1c6f1d349c1acf975711a25f905"
DASHED = "61d3f1c6-f1d3-49c1-acf9-75711a25f905"
CADDY = (
    '{"level":"info","ts":1795565772.9046216,"logger":"http.log.access.log0","msg":"handled request","request":'
    '{"remote_ip":"127.0.0.1","remote_port":"52110","client_ip":"203.0.113.9","proto":"HTTP/1.1","method":"GET",'
    '"host":"127.0.0.1:47881","uri":"/a/b?secret=s3cret","headers":{"Authorization":["REDACTED"]}},"bytes_read":0,'
    '"user_id":"","duration":0.002686054,"size":416,"status":404,"resp_headers":{"Server":["Caddy"]},'
    f'"request_id":"{DASHED}"}}'
)
TRAEFIK = (
    '{"ClientAddr":"127.0.0.1:53244","ClientHost":"203.0.113.9","ClientPort":"53244","ClientUsername":"-",'
    '"DownstreamContentSize":416,"DownstreamStatus":404,"Duration":2686054,"OriginContentSize":416,'
    '"OriginDuration":1133194,"OriginStatus":404,"Overhead":1552860,"RequestAddr":"127.0.0.1:7103",'
    '"RequestContentSize":0,"RequestCount":1,"RequestHost":"127.0.0.1","RequestMethod":"GET",'
    '"RequestPath":"/a/b?secret=s3cret","RequestPort":"7103","RequestProtocol":"HTTP/1.1","RequestScheme":"http",'
    '"RetryAttempts":0,"RouterName":"api@file","StartLocal":"2026-11-25T00:16:12.90193555Z",'
    '"StartUTC":"2026-11-25T00:16:12.901935123Z","entryPointName":"web","level":"info","msg":"",'
    f'"request_X-Simsim-Request":"{ID}","time":"2026-11-25T00:16:12Z"}}'
)
ENVOY = (
    '{"bytes_sent":416,"downstream_remote_address":"203.0.113.9:60336","duration":13,"method":"GET",'
    f'"path":"/a/b?secret=s3cret","request_id":"{DASHED}","response_code":404,"start_time":"2026-11-25T00:16:12.389Z"}}'
)
NGINX = (
    f'{{"id":"{ID}","at":1795565772.905,"seconds":0.013,"status":404,"bytes":416,"method":"GET","path":"/a/b",'
    '"address":"203.0.113.9"}'
)
HAPROXY = (
    f'{{"id":"{DASHED}","at":1795565772.389,"milliseconds":13,"status":404,"bytes":416,"method":"GET","path":"/a/b",'
    '"address":"203.0.113.9"}'
)
LINES = {"caddy": CADDY, "traefik": TRAEFIK, "envoy": ENVOY, "nginx": NGINX, "haproxy": HAPROXY}


def log(kind: str, *, is_all_ours: bool = False) -> AccessLog:
    return AccessLog(Path("/var/log/access.json"), LOG_FORMATS[kind], is_all_ours)


def changed(kind: str, **fields: Any) -> str:
    """Return a proxy's line with other values, None for a field that is missing."""
    found = json.loads(LINES[kind]) | fields
    return json.dumps({name: value for name, value in found.items() if value is not None})


@pytest.mark.parametrize(
    ("kind", "ended_at", "seconds"),
    [
        ("caddy", datetime(2026, 11, 25, 0, 16, 12, 904622, UTC), 0.002686054),
        ("traefik", datetime(2026, 11, 25, 0, 16, 12, 904621, UTC), 0.002686054),
        ("envoy", datetime(2026, 11, 25, 0, 16, 12, 402000, UTC), 0.013),
        ("nginx", datetime(2026, 11, 25, 0, 16, 12, 905000, UTC), 0.013),
        ("haproxy", datetime(2026, 11, 25, 0, 16, 12, 402000, UTC), 0.013),
    ],
)
def test_line_of_a_real_proxy_is_parsed(kind: str, ended_at: datetime, seconds: float) -> None:
    found = log(kind).parse(LINES[kind])
    assert isinstance(found, Completed)
    assert found[:1] + found[2:] == (ID, seconds, 404, 416, "GET", "/a/b", "203.0.113.9", True, False, False)
    assert abs(found.at - ended_at) <= timedelta(microseconds=1)
    assert parse_completed(completed_line(found)) == found


def test_end_from_a_log_that_is_all_ours_needs_no_decision() -> None:
    found = log("caddy", is_all_ours=True).parse(CADDY)
    assert isinstance(found, Completed)
    assert not found.needs_decision
    assert parse_completed(completed_line(found)) == found


def test_traefiks_line_of_a_refusal_takes_the_gates_id_and_not_the_clients() -> None:
    forged = "f" * 32
    line = changed("traefik", **{"downstream_X-Simsim-Request": ID, "request_X-Simsim-Request": forged})
    found = log("traefik").parse(line)
    assert isinstance(found, Completed)
    assert found.request_id == ID


@pytest.mark.parametrize("kind", LOG_FORMATS)
@pytest.mark.parametrize("is_all_ours", [True, False])
@pytest.mark.parametrize("value", [None, "", "-", "not an id", 17, [ID]])
def test_a_line_without_an_id_is_ignored(kind: str, is_all_ours: bool, value: Any) -> None:
    name = LOG_FORMATS[kind].request_id[-1][0]
    assert log(kind, is_all_ours=is_all_ours).parse(changed(kind, **{name: value})) is Ignored.IGNORED


@pytest.mark.parametrize("kind", LOG_FORMATS)
def test_missing_fields_cost_no_end(kind: str) -> None:
    places = LOG_FORMATS[kind]
    gone = {place[0]: None for place in (places.status, places.bytes, places.method, places.path, places.address)}
    found = log(kind).parse(changed(kind, **gone))
    assert isinstance(found, Completed)
    assert (found.status, found.bytes, found.method, found.resource, found.address) == (None, 0, "", "", None)


@pytest.mark.parametrize("kind", LOG_FORMATS)
@pytest.mark.parametrize(
    "at",
    [None, "", "yesterday", "T", "2026-11-25T00:16:12", "1969-01-01T00:00:00Z", [], {}, 1e300, -1, "9999-12-31T00:00Z"],
)
def test_line_without_a_time_is_broken(kind: str, at: Any) -> None:
    assert log(kind).parse(changed(kind, **{LOG_FORMATS[kind].at[0]: at})) is None


@pytest.mark.parametrize("kind", LOG_FORMATS)
@pytest.mark.parametrize("line", ["", "null", "[]", "17", "not json", '{"request_id":', "\0", '{"request":[]}'])
def test_invalid_line_is_broken_or_ignored_and_never_an_error(kind: str, line: str) -> None:
    assert not isinstance(log(kind).parse(line), Completed)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(LOG_FORMATS)), st.data())
def test_with_any_field_the_line_is_broken_or_can_be_stored(kind: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(json.loads(LINES[kind]))))
    found = log(kind).parse(json.dumps(json.loads(LINES[kind]) | {field: data.draw(JSON)}))
    if isinstance(found, Completed):
        assert parse_completed(completed_line(found)) == found


@pytest.mark.parametrize("kind", LOG_FORMATS)
def test_queries_and_passwords_are_left_out(kind: str) -> None:
    secret = "sim_" + "a" * 49
    place = LOG_FORMATS[kind].path
    path = f"/a/{secret}?password={secret}"
    fields = {place[0]: path} if len(place) == 1 else {place[0]: {place[1]: path}}
    found = log(kind).parse(changed(kind, **fields))
    assert isinstance(found, Completed)
    assert found.resource == "/a/sim_***"


@pytest.mark.parametrize("text", ["caddy:/var/log/caddy/access.json", "envoy:all:/log: with colons"])
def test_a_setting_names_a_log(text: str) -> None:
    found = parse_access_log(text)
    kind, _, path = text.replace("all:", "").partition(":")
    assert (found.path, found.log_format, found.is_all_ours) == (Path(path), LOG_FORMATS[kind], "all:" in text)


@pytest.mark.parametrize(
    "text", ["", "caddy", "/var/log/access.json", "caddy:access.json", "apache:/log", "caddy:all:", "all:/log"]
)
def test_setting_that_names_no_log_is_unusable(text: str) -> None:
    with pytest.raises(Unusable, match="SIMSIM_ACCESS_LOGS"):
        parse_access_log(text)
