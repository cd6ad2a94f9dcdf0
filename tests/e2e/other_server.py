"""A server that is none of the cloud's."""

import socket


class OtherServer:
    """Somebody else's, who listens; tokens must never get there."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._socket.settimeout(0)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def was_asked(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()
