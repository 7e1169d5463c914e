"""A certificate that can't be presented is refused with one line that names the setting, and never shows the key."""

from pathlib import Path

import pytest

import tls_files
from simsim.gateway.certificates import certificate_files, prove_usable
from simsim.health.doctor import certificates
from simsim.problem import Unusable

pytestmark = pytest.mark.any_database
NAMES = ("SIMSIM_TLS_CERTIFICATE", "SIMSIM_TLS_KEY")


def read(certificate: str | Path, key: str | Path) -> None:
    if files := certificate_files(str(certificate), str(key), names=NAMES):
        prove_usable(files)


def refusal(certificate: str | Path, key: str | Path) -> str:
    with pytest.raises(Unusable) as refused:
        read(certificate, key)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_good_certificate_is_usable_and_none_means_http(tmp_path: Path) -> None:
    files = certificate_files(*map(str, tls_files.make(tmp_path)), names=NAMES)
    assert files is not None
    assert prove_usable(files)
    assert certificate_files("", "", names=NAMES) is None


def test_certificate_out_of_its_time_or_with_another_key_is_refused(tmp_path: Path) -> None:
    good, key = tls_files.make(tmp_path, "good")
    _, other_key = tls_files.make(tmp_path, "other")
    assert refusal(good, other_key) == f"SIMSIM_TLS_KEY: {other_key} does not belong to the certificate"
    old = tls_files.make(tmp_path, "old", begins=-9, ends=-2)
    assert refusal(*old).startswith(f"SIMSIM_TLS_CERTIFICATE: {old[0]} has expired (")
    early = tls_files.make(tmp_path, "early", begins=2)
    assert refusal(*early).startswith(f"SIMSIM_TLS_CERTIFICATE: {early[0]} is not valid until ")
    assert refusal(key, key) == f"SIMSIM_TLS_CERTIFICATE: {key} holds no certificate in PEM"
    assert "openssl pkcs8 -topk8" in refusal(good, good)
    assert refusal(tmp_path / "no", key) == (
        f"SIMSIM_TLS_CERTIFICATE: {tmp_path / 'no'} can't be read (no such file or directory)"
    )


def test_half_a_pair_and_a_key_in_place_of_its_path_are_refused(tmp_path: Path) -> None:
    good, key = tls_files.make(tmp_path)
    assert refusal(good, "") == "SIMSIM_TLS_CERTIFICATE is set, and SIMSIM_TLS_KEY is not"
    assert refusal("", key) == "SIMSIM_TLS_KEY is set, and SIMSIM_TLS_CERTIFICATE is not"
    assert refusal(good, key.read_text()) == "SIMSIM_TLS_KEY is the path of a file, not its contents"
    broken = tmp_path / "broken.pem"
    broken.write_text(key.read_text().replace("M", "Q"))
    assert refusal(good, broken) == f"SIMSIM_TLS_KEY: {broken} holds no key that can be read"


@pytest.mark.parametrize(("days", "is_good"), [(13, False), (16, True)])
def test_doctor_warns_before_the_presented_certificate_expires(tmp_path: Path, days: int, is_good: bool) -> None:
    with tls_files.presenting(*tls_files.make(tmp_path, ends=days)) as port:
        (found,) = certificates.presented("gateway", "127.0.0.1", port)
    assert (found.subject, found.is_good) == ("certificate of the gateway", is_good)
    assert found.detail.startswith("expires on " if is_good else "it expires in 13 days, on ")
    assert list(certificates.presented("gateway", "127.0.0.1", port)) == []
