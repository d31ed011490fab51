"""A schema registry behind TLS, over a real connection: who signed it must be known, and it may ask who we are."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.errors import OperationError
from streams.runtime.formats import open_registry
from streams.settings import Settings

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)  # noqa: TID251 - a certificate is valid by the real clock


class Answers(BaseHTTPRequestHandler):
    """Has one schema, whatever is asked."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Give the schema."""
        body = json.dumps({"schema": json.dumps({"type": "record", "name": "A", "fields": []})}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Quiet(HTTPServer):
    """Prints nothing when a client breaks off."""

    def handle_error(self, *_: object) -> None:
        """Print nothing: a refused handshake is part of a test."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that signed itself, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "registry.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[..., str]]:
    """Starts a registry behind TLS; returns its address."""
    servers: list[HTTPServer] = []

    def start(*, asks_who: bool) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if asks_who:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificate)
        server = Quiet(("127.0.0.1", 0), Answers)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"https://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def settings(url: str, **files: Path) -> Settings:
    """Return settings with the registry at *url*."""
    chosen = {f"schema_registry_{name}_file": str(file) for name, file in files.items()}
    return Settings.load({}, schema_registry_url=url, **chosen)


def test_its_authority_must_be_known(serve: Callable[..., str], certificate: Path) -> None:
    """With STREAMS_SCHEMA_REGISTRY_CA_FILE it is; without, nothing is asked."""
    url = serve(asks_who=False)

    assert open_registry(settings(url, ca=certificate)).schema(1)["name"] == "A"
    with pytest.raises(OperationError, match="cannot be asked"):
        open_registry(settings(url)).schema(1)


def test_it_may_ask_who_we_are(serve: Callable[..., str], certificate: Path) -> None:
    """With STREAMS_SCHEMA_REGISTRY_CERTIFICATE_FILE we say it; without, it lets nobody in."""
    url = serve(asks_who=True)

    known = settings(url, ca=certificate, certificate=certificate, key=certificate)
    assert open_registry(known).schema(1)["name"] == "A"
    with pytest.raises(OperationError, match="cannot be asked"):
        open_registry(settings(url, ca=certificate)).schema(1)
