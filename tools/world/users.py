"""Somebody who talks to an API server: a kubeconfig for programs, and plain requests for tests."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from world import http_json
from world.certificates import write_private
from world.http_json import Answer


@dataclass(frozen=True)
class User:
    """A user of one API server, by client certificate or by token."""

    name: str
    server: str
    kubeconfig: Path
    _context: ssl.SSLContext = field(repr=False)
    _token: str | None = field(default=None, repr=False)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        timeout: float = 10,
    ) -> Answer:
        """One HTTP request; any status is an answer. Raises OSError where there is no server."""
        all_headers = {"Content-Type": content_type} | self.headers | dict(headers or {})
        return http_json.request(self.server, self._context, method, path, body, all_headers, timeout)

    @property
    def headers(self) -> dict[str, str]:
        """What says who it is, beside a certificate."""
        token = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        return {"User-Agent": f"world/{self.name}"} | token

    def connect(self) -> http_json.Connection:
        """A connection for many requests; those of a token also need `headers`."""
        return http_json.Connection(self.server, self._context)


def with_certificate(name: str, server: str, ca: Path, certificate: bytes, key: bytes, folder: Path) -> User:
    """A user who shows a client certificate; its files go into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate_file = write_private(folder / "client.crt", certificate)
    key_file = write_private(folder / "client.key", key)
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate_file, key_file)
    credentials = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
    kubeconfig = _write_kubeconfig(folder / "kubeconfig", name, server, ca, credentials)
    return User(name, server, kubeconfig, context)


def with_token(name: str, server: str, ca: Path, token: str, folder: Path) -> User:
    """A user, mostly a service account, who shows a token; it is read from a file, as in a pod."""
    folder.mkdir(parents=True, exist_ok=True)
    token_file = write_private(folder / "token", token.encode())
    context = ssl.create_default_context(cafile=str(ca))
    kubeconfig = _write_kubeconfig(folder / "kubeconfig", name, server, ca, {"tokenFile": str(token_file)})
    return User(name, server, kubeconfig, context, token)


def _write_kubeconfig(path: Path, user: str, server: str, ca: Path, credentials: dict[str, str]) -> Path:
    cluster = {"server": server, "certificate-authority-data": _base64(ca.read_bytes())}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "world", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "world", "context": {"cluster": "world", "user": user}}],
        "current-context": "world",
    }
    return write_private(path, yaml.safe_dump(document, sort_keys=False).encode())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
