"""Keys wrapped by a real OpenBao, or by a stand-in for AWS KMS: what opens them, and what is said if nothing does."""

import dataclasses
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kms_server
import tls_files
import vault_server
from documented_examples import example
from kms_server import ARN, OTHER_ARN, Kms
from scripted_server import DROP, answer, scripted
from simsim.key_wrappers import vault
from simsim.key_wrappers.aws_kms import AwsKms
from simsim.key_wrappers.key_texts import KeyWrapper
from simsim.key_wrappers.vault import VaultTransit
from simsim.problem import Unusable
from vault_server import PAGE, VaultServer

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B11")]
SECRET = b"k" * 32
HIDDEN = "SECRET-TOKEN"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with vault_server.serving(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture
def transit(bao: VaultServer) -> VaultTransit:
    return VaultTransit(bao.url, "transit", "simsim", "tests", lambda: bao.token, authorities=bao.certificate)


@pytest.fixture
def kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    with kms_server.serving(tmp_path) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


def refusal(wrapper: KeyWrapper, text: str) -> str:
    with pytest.raises(Unusable) as caught:
        wrapper.unwrap(text)
    line = str(caught.value)
    assert ("\n" in line, HIDDEN in line, SECRET.decode() in line) == (False, False, False)
    return line


class TestVault:
    def test_wrapped_key_is_vaults_own_text_and_comes_back(self, transit: VaultTransit) -> None:
        text = transit.wrap(SECRET)
        assert re.fullmatch(r"vault:v1:[A-Za-z0-9+/=]+", text)
        assert transit.unwrap(text) == SECRET
        assert transit.wrap(SECRET) != text

    def test_newer_version_of_the_key_opens_older_texts(self, bao: VaultServer, transit: VaultTransit) -> None:
        bao.ask("POST", "transit/keys/renewed")
        bao.ask("PUT", "sys/policies/acl/renewed", policy='path "transit/+/renewed" { capabilities = ["update"] }')
        token = bao.ask("POST", "auth/token/create", policies=["renewed"])["auth"]["client_token"]
        renewed = dataclasses.replace(transit, key="renewed", token=lambda: token)
        text = renewed.wrap(SECRET)
        bao.ask("POST", "transit/keys/renewed/rotate")
        assert renewed.wrap(SECRET).startswith("vault:v2:")
        assert renewed.unwrap(text) == SECRET

    def test_tampered_text_is_refused(self, transit: VaultTransit) -> None:
        text = transit.wrap(SECRET)
        at = text.rindex("v1:") + 20
        tampered = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert "message authentication failed): was it wrapped with this key" in refusal(transit, tampered)
        assert "400 Bad Request" in refusal(transit, "vault:v9:AAAA")
        assert "400 Bad Request" in refusal(transit, "vault:")

    def test_key_of_another_installation_is_refused(self, transit: VaultTransit) -> None:
        other = dataclasses.replace(transit, context="staging")
        assert "and with this SIMSIM_KEY_WRAPPER_CONTEXT?" in refusal(other, transit.wrap(SECRET))

    def test_another_key_of_the_engine_opens_nothing(self, bao: VaultServer, transit: VaultTransit) -> None:
        bao.ask("POST", "transit/keys/other")
        foreign = bao.wrapped(SECRET, key="other", bound_to="tests")
        assert "message authentication failed" in refusal(transit, foreign)
        assert "403 Forbidden" in refusal(dataclasses.replace(transit, key="other"), foreign)

    def test_token_without_rights_is_named(self, transit: VaultTransit) -> None:
        line = refusal(dataclasses.replace(transit, token=lambda: HIDDEN), transit.wrap(SECRET))
        assert "403 Forbidden (permission denied): check SIMSIM_VAULT_TOKEN" in line
        assert HIDDEN not in repr(dataclasses.replace(transit, token=lambda: HIDDEN))

    def test_sealed_vault_is_named(self, bao: VaultServer, transit: VaultTransit) -> None:
        text = transit.wrap(SECRET)
        bao.seal()
        try:
            assert refusal(transit, text).endswith("503 Service Unavailable (Vault is sealed)")
        finally:
            bao.unseal()
        assert transit.unwrap(text) == SECRET

    def test_certificate_is_checked(self, transit: VaultTransit, tmp_path: Path) -> None:
        other, _ = tls_files.make(tmp_path, "other")
        for authorities in (None, other):
            line = refusal(dataclasses.replace(transit, authorities=authorities), "vault:v1:AAAA")
            assert "can't be reached (SSLCertVerificationError" in line

    def test_vault_that_is_not_there_is_named(self, transit: VaultTransit) -> None:
        line = refusal(dataclasses.replace(transit, url="https://127.0.0.1:9"), "vault:v1:AAAA")
        assert line == "https://127.0.0.1:9 can't be reached (ConnectionRefusedError: [Errno 111] Connection refused)"

    def test_redirect_is_not_followed(self, transit: VaultTransit) -> None:
        with scripted(answer(200, {"data": {"plaintext": "azo="}})) as thief:
            with scripted(answer(307, {}, Location=f"{thief.url}/v1/transit/decrypt/simsim")) as redirecting:
                plain = dataclasses.replace(transit, url=redirecting.url, token=lambda: HIDDEN)
                assert "answers 307 Temporary Redirect (without a reason)" in refusal(plain, "vault:v1:AAAA")
            assert not thief.heard

    @pytest.mark.parametrize(
        ("said", "says"),
        [
            (answer(200, {"data": {}}), "answers without a plaintext: is it Vault?"),
            (answer(200, []), "answers without a plaintext: is it Vault?"),
            (answer(200, b"<html>" + b"x" * 100_000), "answers without a plaintext: is it Vault?"),
            (answer(200, {"data": {"plaintext": "é"}}), "Vault's answer is not base64"),
            (answer(502, b"<html>"), "answers 502 Bad Gateway (without a reason)"),
            (answer(400, {"errors": ["a\nb", "c" * 1000]}), "(a b; ccc"),
            (answer(DROP), "can't be reached (RemoteDisconnected"),
        ],
    )
    def test_strange_answer_is_one_line(
        self, transit: VaultTransit, said: tuple[int, object, dict[str, str]], says: str
    ) -> None:
        with scripted(said) as strange:
            line = refusal(dataclasses.replace(transit, url=strange.url), "vault:v1:AAAA")
        assert says in line
        assert len(line) < 600

    def test_namespace_and_token_are_headers(self, transit: VaultTransit) -> None:
        with scripted(answer(200, {"data": {"ciphertext": "vault:v1:AAAA"}})) as heard:
            dataclasses.replace(transit, url=heard.url, namespace="teams/a", token=lambda: HIDDEN).wrap(SECRET)
        (request,) = heard.heard
        assert (request.method, request.path) == ("POST", "/v1/transit/encrypt/simsim")
        assert (request.headers["X-Vault-Token"], request.headers["X-Vault-Namespace"]) == (HIDDEN, "teams/a")

    def test_silent_vault_is_given_up(self, transit: VaultTransit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vault, "TOTAL_SECONDS", 0.5)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            began = time.monotonic()
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            assert "can't be reached (" in refusal(dataclasses.replace(transit, url=url), "vault:v1:AAAA")
        assert time.monotonic() - began < 10


class TestAwsKms:
    def test_wrapped_key_comes_back_with_signed_requests(self, kms: Kms) -> None:
        text = AwsKms(ARN, "tests").wrap(SECRET)
        assert re.fullmatch(r"aws-kms:[A-Za-z0-9+/=]+", text)
        assert AwsKms(ARN, "tests").unwrap(text) == SECRET
        assert kms.contexts == [{"simsim-installation": "tests", "simsim-use": "token-keys"}] * 2
        assert kms.refused == []

    def test_documented_policy_allows_what_is_asked_and_no_more(self, kms: Kms) -> None:
        policy = json.loads(example(PAGE, '"Effect": "Allow"').text)
        wrapper = AwsKms(policy["Resource"], "production")
        kms.keys[policy["Resource"]] = kms.keys[ARN]
        wrapper.unwrap(wrapper.wrap(SECRET))
        names = {f"kms:{operation}" for operation in kms.operations}
        assert (set(policy["Action"]), policy["Effect"]) == (names, "Allow")
        asked = {f"kms:EncryptionContext:{name}": value for name, value in kms.contexts[-1].items()}
        assert policy["Condition"] == {"StringEquals": asked}

    def test_tampered_text_and_another_installation_are_refused(self, kms: Kms) -> None:
        wrapper = AwsKms(ARN, "tests")
        text = wrapper.wrap(SECRET)
        says = "InvalidCiphertextException) when calling the Decrypt operation:): was it wrapped with this SIMSIM_KEY"
        assert says in refusal(wrapper, text[:-8] + "AAAAAAA=")
        assert says in refusal(AwsKms(ARN, "staging"), text)
        assert refusal(wrapper, "aws-kms:é") == "it is not base64"

    def test_another_key_opens_nothing(self, kms: Kms) -> None:
        text = AwsKms(ARN, "tests").wrap(SECRET)
        assert "wrapped with another key than SIMSIM_KEY_WRAPPER_KEY" in refusal(AwsKms(OTHER_ARN, "tests"), text)
        assert "NotFoundException" in refusal(AwsKms(ARN[:-1], "tests"), text)

    def test_wrong_or_missing_credentials_are_named(self, kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
        text = AwsKms(ARN, "tests").wrap(SECRET)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", HIDDEN)
        assert "InvalidSignatureException" in refusal(AwsKms(ARN, "tests"), text)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        assert refusal(AwsKms(ARN, "tests"), text) == "AWS KMS can't be asked (Unable to locate credentials)"
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        assert "profile (nobody) could not be found" in refusal(AwsKms(ARN, "tests"), text)

    def test_certificate_is_checked_and_plain_http_is_refused(self, kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_CA_BUNDLE")
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(AwsKms(ARN, "tests"), "aws-kms:AAAA")
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://kms.example")
        assert refusal(AwsKms(ARN, "tests"), "aws-kms:AAAA") == "AWS KMS: http://kms.example is not https"

    def test_service_that_is_not_there_is_named(self, kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "https://127.0.0.1:9")
        assert "Could not connect to the endpoint URL" in refusal(AwsKms(ARN, "tests"), "aws-kms:AAAA")

    def test_neither_a_redirect_nor_a_proxy_of_the_environment_is_followed(
        self, kms: Kms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        text = AwsKms(ARN, "tests").wrap(SECRET)
        with scripted(answer(200, {"Plaintext": "azo="})) as thief:
            kms.redirects_to = f"{thief.url}/"
            assert "An error occurred (307)" in refusal(AwsKms(ARN, "tests"), text)
            assert not thief.heard
