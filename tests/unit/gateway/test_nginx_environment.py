"""What nginx gets of our environment."""

import pytest

from simsim.gateway.nginx_process import environment_for_nginx


@pytest.mark.covers("R11")
def test_nginx_gets_none_of_our_settings() -> None:
    ours = {"PATH": "/usr/bin", "TZ": "UTC", "SIMSIM_SECRET_KEY": "s", "SIMSIM_TOKEN_KEYS": "t", "PGPASSWORD": "p",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=b"}  # fmt: skip
    assert environment_for_nginx(ours) == {"PATH": "/usr/bin", "TZ": "UTC"}
