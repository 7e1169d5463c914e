"""Certificates in files, as an operator has them."""

import ipaddress
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make(directory: Path, name: str = "tls", *, begins: int = -1, ends: int = 30) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that is valid between two days from now; return its file and its key's.

    Both are replaced as certbot does it: whoever opens them gets an old pair or a new one.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    # A client that trusts two certificates tells them apart by their subjects.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secrets.token_hex(8))])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins)).not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.SubjectAlternativeName([address, x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = directory / f"{name}.pem", directory / f"{name}.key.pem"
    for path, content in zip(files, (made.public_bytes(serialization.Encoding.PEM), key), strict=True):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)
    return files


def trusting(*certificates: Path) -> ssl.SSLContext:
    """Return a client's context that trusts the certificates now in these files, and no other."""
    context = ssl.create_default_context()
    for path in certificates:
        context.load_verify_locations(path)
    return context


@contextmanager
def presenting(certificate: Path, key: Path) -> Iterator[int]:
    """Yield the port of a server that does nothing but present a certificate, to one client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def accept() -> None:
        with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=accept)
        server.start()
        yield listener.getsockname()[1]
        server.join(20)
