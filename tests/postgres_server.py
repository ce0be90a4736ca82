"""A PostgreSQL server of the tests' own, on the loopback address, for as long as they run."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy

OWNER = "gmts_owner"
PASSWORD = "p@ss:w/rd"
"""Of the account with_password; the others need none."""

_SECONDS = 60
_TRIES = 3  # another program may take the port that was free
_ACCESS = """\
host all with_password 127.0.0.1/32 scram-sha-256
hostssl all only_encrypted 127.0.0.1/32 trust
host all only_encrypted 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
"""


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """Where the server listens; `certificate` is that of its authority."""

    port: int
    certificate: Path

    def url(self, user: str = OWNER, password: str = "", *, database: str = "postgres") -> str:
        colon = f":{password}" if password else ""
        return f"postgresql+pg8000://{user}{colon}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str) -> None:
        """Execute statements as the owner of everything."""
        engine = sqlalchemy.create_engine(self.url(), poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def find_program(name: str) -> str | None:
    """Return where a program of the server is: on the path, or where Debian puts it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Make a cluster in a folder that is removed in the end, start it, and stop it."""
    initdb, postgres = find_program("initdb"), find_program("postgres")
    assert initdb is not None
    assert postgres is not None
    # The server refuses to run as root, and pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="gmts-postgres-"))
    owner = _unprivileged()
    try:
        if owner:
            shutil.chown(folder, owner["user"], owner["group"])
        data = folder / "data"
        _make_cluster(initdb, data, owner)
        _make_certificate(folder, owner)
        (data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
        process, port = _start(postgres, data, owner)
        try:
            server = PostgresServer(port=port, certificate=folder / "server.crt")
            server.run(f"create role with_password login password '{PASSWORD}'")
            yield server
        finally:
            process.send_signal(2)  # SIGINT: fast shutdown
            process.wait(_SECONDS)
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> dict[str, Any]:
    """Return who runs the server, where the tests are run by root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    known = {each.pw_name: each for each in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _make_cluster(initdb: str, data: Path, owner: dict[str, Any]) -> None:
    # In the locale C, since the environment may name one that is not installed.
    options = ["-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        [initdb, "-D", str(data), *options],
        cwd=data.parent,
        capture_output=True,
        text=True,
        **owner,
    )
    assert done.returncode == 0, done.stderr


def _start(postgres: str, data: Path, owner: dict[str, Any]) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_TRIES):
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "timezone": "UTC",
            "ssl": "on",
            "ssl_cert_file": str(data.parent / "server.crt"),
            "ssl_key_file": str(data.parent / "server.key"),
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with (data.parent / "log").open("wb") as log:
            process = subprocess.Popen(
                [postgres, "-D", str(data), "-p", str(port), *options],
                cwd=data.parent,
                stdout=log,
                stderr=log,
                **owner,
            )
        if _answers(process, port):
            return process, port
    raise RuntimeError((data.parent / "log").read_text(encoding="utf-8"))


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server takes connections; False where it ends before."""
    engine = sqlalchemy.create_engine(PostgresServer(port=port, certificate=Path()).url())
    last = time.monotonic() + _SECONDS
    while process.poll() is None:
        try:
            with engine.connect():
                break
        except sqlalchemy.exc.SQLAlchemyError:
            if time.monotonic() > last:
                process.kill()
                process.wait()
            time.sleep(0.05)
    engine.dispose()
    return process.poll() is None


def _make_certificate(folder: Path, owner: dict[str, Any]) -> None:
    """Write a certificate of 127.0.0.1 that is its own authority, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "server.key"
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    if owner:
        shutil.chown(secret, owner["user"], owner["group"])
