"""One HTTPS request with a JSON body and a JSON answer."""

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


def request(
    base: str,
    context: ssl.SSLContext,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> Answer:
    """The path is taken as it is, below the base address. Raises OSError where nobody answers."""
    address = urlsplit(base)
    all_headers = {"Accept": "application/json"} | dict(headers or {})
    if body is not None:
        all_headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=timeout)
    try:
        connection.request(
            method, address.path + path, json.dumps(body) if body is not None else None, all_headers
        )
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as error:  # the server went away in the middle
        raise ConnectionError(f"{method} {base}{path}: {error!r}") from error
    finally:
        connection.close()
    try:
        decoded = json.loads(text)
    except ValueError:
        decoded = text.decode(errors="replace")
    return Answer(response.status, decoded, dict(response.getheaders()))
