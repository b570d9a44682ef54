"""Messages between a judge and a worker: JSON, one to a line, over a socket. Standard library only."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

_ENCODE, _DECODE = json.JSONEncoder(separators=(",", ":")).encode, json.JSONDecoder().decode


class Channel:
    """One end of a conversation. What the model does to `json` or `socket` meanwhile does not matter."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = bytearray()

    def send(self, message: Any, deadline: float | None = None) -> None:
        """Send a message. Raises OSError if the other end is gone, TimeoutError if it does not listen."""
        self._wait_until(deadline)
        self._socket.sendall(_ENCODE(message).encode("utf-8", "surrogatepass") + b"\n")

    def receive(self, deadline: float | None = None) -> Any:
        """Return the next message; None if the other end closes first. Raises TimeoutError at `deadline`."""
        parts = [bytes(self._rest)]
        while b"\n" not in parts[-1]:
            self._wait_until(deadline)
            part = self._socket.recv(2**20)
            if not part:
                return None
            parts.append(part)
        line, _, rest = b"".join(parts).partition(b"\n")
        self._rest = bytearray(rest)
        return _DECODE(line.decode("utf-8", "surrogatepass"))

    def _wait_until(self, deadline: float | None) -> None:
        self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))

    def end(self) -> None:
        """Expect no more messages: what was sent is still received, then comes None."""
        try:
            self._socket.shutdown(socket.SHUT_RD)
        except OSError:
            return

    def hang_up(self) -> None:
        """Tell the other end that nothing more will come."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
