"""TLS certificates in files: read, and proven usable, before a server presents them."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simsim.problem import Unusable

if TYPE_CHECKING:
    from cryptography import x509

BEGIN = "-----BEGIN "
# The only form of a key that both servers read. OpenSSL 3, certbot and most other programs write it.
PLAIN_KEY = "-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True)
class CertificateFiles:
    """The files of a certificate, with those of the authorities between it and a root, and of its key.

    `names` are those of the two settings or options, for messages.
    """

    certificate: Path
    key: Path
    names: tuple[str, str]


def certificate_files(certificate: str, key: str, *, names: tuple[str, str]) -> CertificateFiles | None:
    """Return the files, None if neither is given; raise Unusable if only one is."""
    if not certificate and not key:
        return None
    given, missing = names if certificate else names[::-1]
    if not (certificate and key):
        raise Unusable("%(given)s is set, and %(missing)s is not", given=given, missing=missing)
    for name, text in zip(names, (certificate, key), strict=True):
        # Never repeat the value: it may be the key itself.
        if BEGIN in text or not text.isprintable():
            raise Unusable("%(name)s is the path of a file, not its contents", name=name)
    return CertificateFiles(Path(certificate).absolute(), Path(key).absolute(), names)


def prove_usable(files: CertificateFiles, *, now: datetime | None = None) -> datetime:
    """Return when the certificate expires; raise Unusable, in one line, if it can't be presented to clients."""
    now = now or datetime.now(UTC)
    certificate = read_certificate(files)
    name, path = files.names[0], str(files.certificate)
    if certificate.not_valid_after_utc <= now:
        expired = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        raise Unusable("%(name)s: %(path)s has expired (%(expired)s)", name=name, path=path, expired=expired)
    if certificate.not_valid_before_utc > now:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise Unusable("%(name)s: %(path)s is not valid until %(begins)s", name=name, path=path, begins=begins)
    prove_key(files)
    return certificate.not_valid_after_utc


def read_certificate(files: CertificateFiles) -> "x509.Certificate":
    """Return the first certificate of the file; raise Unusable if there is none."""
    from cryptography import x509  # noqa: PLC0415 - only whoever has certificates waits for it to load

    name, path = files.names[0], files.certificate
    try:
        return x509.load_pem_x509_certificates(read(name, path))[0]
    except ValueError:
        raise Unusable("%(name)s: %(path)s holds no certificate in PEM", name=name, path=str(path)) from None


def prove_key(files: CertificateFiles) -> None:
    """Raise Unusable if the key can't be read, or does not belong to the certificate."""
    name, path = files.names[1], str(files.key)
    if PLAIN_KEY.encode() not in read(name, files.key):
        raise Unusable(
            "%(name)s: %(path)s holds no unencrypted PKCS#8 key: convert it with openssl pkcs8 -topk8 -nocrypt",
            name=name,
            path=path,
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        is_other = error.reason == "KEY_VALUES_MISMATCH"
        problem = "does not belong to the certificate" if is_other else "holds no key that can be read"
        raise Unusable("%(name)s: %(path)s %(problem)s", name=name, path=path, problem=problem) from None


def read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Unusable(
            "%(name)s: %(path)s can't be read (%(reason)s)", name=name, path=str(path), reason=reason
        ) from None
