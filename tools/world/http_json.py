"""HTTPS requests with a JSON body and a JSON answer."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What a server said to one request; every status is an answer."""

    status: int
    body: Any  # decoded JSON, or the text where it is none
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """What Kubernetes, ARM or the lab says in words."""
        if not isinstance(self.body, dict):
            return str(self.body)
        error = self.body.get("error")
        return str(self.body.get("message") or (error.get("message") if isinstance(error, dict) else error) or "")


class Connection:
    """Requests to one server, one after the other over one connection as long as it lasts."""

    def __init__(self, base: str, context: ssl.SSLContext, timeout: float = 10) -> None:
        address = urlsplit(base)
        self._base, self._path = base, address.path
        self._connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=context, timeout=timeout
        )

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The path is taken as it is, below the base address; a body is sent as JSON, bytes as they are.

        Raises OSError where nobody answers.
        """
        all_headers = {"Accept": "application/json"} | dict(headers or {})
        if body is not None:
            all_headers.setdefault("Content-Type", "application/json")
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        try:
            self._connection.request(method, self._path + path, content, all_headers)
            response = self._connection.getresponse()
            text = response.read()
        except http.client.HTTPException as error:  # the server went away in the middle
            raise ConnectionError(f"{method} {self._base}{path}: {error!r}") from error
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = text.decode(errors="replace")
        return Answer(response.status, decoded, dict(response.getheaders()))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request(
    base: str,
    context: ssl.SSLContext,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> Answer:
    """One request on a connection of its own."""
    with Connection(base, context, timeout) as connection:
        return connection.request(method, path, body, headers)
