"""The keeper's side of Arrow Flight: for Spark workers on machines without a Ray node.

Only started when such workers are possible. Every call must show the cluster's token.
"""

from __future__ import annotations

import datetime as dt
import hmac
import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from pyarrow import flight

from raydp_magic.errors import RaydpMagicError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp_magic.bridge.mapping import MapSession

DAYS_VALID = 365


@dataclass(frozen=True)
class Door:
    """Where a keeper's Flight server listens, and the certificate that it shows with TLS."""

    location: str
    root: bytes | None


class Store(Protocol):
    """What the server needs of a keeper."""

    def accept(self, transfer: str, table: pa.Table) -> dict[str, Any]:
        """Own a block; returns its key and bytes."""

    def slices(self, transfer: str, block: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """A held block in Spark's types."""

    def open_map(self, transfer: str) -> MapSession:
        """Begin to run a task's batches."""


class BlockServer(flight.FlightServerBase):  # type: ignore[misc] # pyarrow has no types
    """Takes blocks with DoPut, gives them with DoGet, runs batches through Ray with DoExchange.

    Parameters
    ----------
    store : Store
        The keeper.
    host : str
        Address to listen on.
    token : str
        What callers must show.
    tls : bool
        Encrypt, with a certificate made for this server.
    """

    def __init__(self, store: Store, *, host: str, token: str, tls: bool) -> None:
        certificates = [make_certificate(host)] if tls else []
        scheme = "grpc+tls" if tls else "grpc"
        super().__init__(
            f"{scheme}://{host}:0",
            tls_certificates=certificates,
            middleware={"token": _AsksForToken(token)},
        )
        self._store = store
        root = certificates[0][0] if certificates else None
        self.door = Door(f"{scheme}://{host}:{self.port}", root)

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:  # noqa: ARG002 - pyarrow's signature
        """Take one block."""
        answer = self._store.accept(descriptor.command.decode(), reader.read_all())
        writer.write(json.dumps(answer).encode())

    def do_get(self, context: Any, ticket: Any) -> Any:  # noqa: ARG002 - pyarrow's signature
        """Give one block."""
        asked = json.loads(ticket.ticket)
        try:
            schema, batches = self._store.slices(asked["transfer"], asked["block"])
        except LookupError as error:
            raise flight.FlightServerError(f"raydp_magic: {error.args[0]}") from error
        return flight.GeneratorStream(schema, batches)

    def do_exchange(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Run batches through Ray; see `flight_client.FlightMap` for what is said."""
        try:
            batches = self._store.open_map(descriptor.command.decode())
            try:
                _answer_batches(context, reader, writer, batches)
            finally:
                batches.close()
        except (LookupError, RaydpMagicError) as error:
            raise flight.FlightServerError(f"raydp_magic: {error.args[0]}") from error


def _answer_batches(context: Any, reader: Any, writer: Any, batches: MapSession) -> None:
    begun = False
    for chunk in reader:
        if chunk.data is not None:
            batches.submit(pa.Table.from_batches([chunk.data]))
            continue
        table = batches.result(context.is_cancelled)
        if not begun:
            writer.begin(table.schema)
            begun = True
        found = table.to_batches()
        for batch in found[:-1]:
            writer.write_batch(batch)
        if found:
            writer.write_with_metadata(found[-1], b"end")
        else:
            writer.write_metadata(b"end")


class _AsksForToken(flight.ServerMiddlewareFactory):  # type: ignore[misc] # pyarrow has no types
    def __init__(self, token: str) -> None:
        super().__init__()
        self._expected = f"Bearer {token}"

    def start_call(self, info: Any, headers: dict[str, list[str]]) -> None:  # noqa: ARG002
        shown = [
            value
            for name, all_ in headers.items()
            if name.lower() == "authorization"
            for value in all_
        ]
        if not any(hmac.compare_digest(value, self._expected) for value in shown):
            raise flight.FlightUnauthenticatedError("raydp_magic: a wrong token, or none")


def make_certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate for an address, and its key, as PEM.

    Raises
    ------
    UsageError
        When the `cryptography` package is missing.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise UsageError(
            "tls=True needs the cryptography package on every Ray node",
            hint="`pip install 'raydp-magic[tls]'`.",
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "raydp_magic keeper")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=DAYS_VALID))
        .add_extension(x509.SubjectAlternativeName([_name_of(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), secret


def _name_of(host: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
