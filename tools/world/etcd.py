"""What somebody does beneath the API server, with a restored copy or an editor: objects of ours as etcd keeps them."""

import base64
import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

_GROUP = "portcullis.dev"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("etcd", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def change(etcd: Path, plural: str, namespace: str, name: str, how: Callable[[dict[str, Any]], None]) -> None:
    """Rewrites one of our objects; watchers are told. `etcd`: the socket of its clients. KeyError if there is none."""
    key = f"/registry/{_GROUP}/{plural}/{namespace}/{name}"
    found = _call(etcd, "range", {"key": _encode(key)}).get("kvs")
    if not found:
        raise KeyError(key)
    stored = json.loads(base64.b64decode(found[0]["value"]))
    how(stored)
    _call(etcd, "put", {"key": _encode(key), "value": _encode(json.dumps(stored))})


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _call(etcd: Path, what: str, body: dict[str, str]) -> dict[str, Any]:
    connection = _UnixConnection(etcd)
    try:
        connection.request("POST", f"/v3/kv/{what}", json.dumps(body))
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"etcd: {what}: {answer.status} {text}")
    return json.loads(text)
