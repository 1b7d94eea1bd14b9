"""A load generator: raw keep-alive connections, one thread each. Every message that was answered 200 is remembered."""

import json
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from tests.events.wire_bytes import request


class Load:
    """Sends each message by itself over `connections` connections and keeps the ids of those answered 200.

    A message without an answer is sent again, as an SDK would, until `stop()`."""

    def __init__(self, ports: Sequence[int], key: str, messages: Sequence[str], *, connections: int = 8) -> None:
        self.acknowledged: list[str] = []
        self.statuses: dict[int, int] = {}
        self._ports, self._key = ports, key
        self._left = list(reversed(messages))
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(connections)]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float = 60) -> None:
        """Waits until every message was answered 200."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "not all messages were taken in time"

    def stop(self) -> None:
        """Ends the sending; what is under way may or may not be answered."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(20)

    def _next(self) -> str | None:
        with self._guard:
            return self._left.pop() if self._left else None

    def _send(self, number: int) -> None:
        port = self._ports[number % len(self._ports)]
        connection: socket.socket | None = None
        while not self._stopped.is_set() and (message := self._next()) is not None:
            status = 0
            while status != 200 and not self._stopped.is_set():
                try:
                    connection = connection or socket.create_connection(("127.0.0.1", port), timeout=15)
                    status = _exchange(connection, request("/v1/track", self._key, _event(message)))
                except OSError:
                    status = 0
                    if connection:
                        connection.close()
                    connection = None
                with self._guard:
                    self.statuses[status] = self.statuses.get(status, 0) + 1
                if status != 200:
                    time.sleep(0.05)
            if status == 200:
                with self._guard:
                    self.acknowledged.append(message)
        if connection:
            connection.close()


def _event(message: str) -> dict[str, Any]:
    return {"event": "Order Completed", "userId": f"u-{message}", "messageId": message}


def _exchange(connection: socket.socket, data: bytes) -> int:
    connection.sendall(data)
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(4096)
        if not part:
            raise OSError("closed")
        head += part
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        part = connection.recv(4096)
        if not part:
            raise OSError("closed")
        body += part
    status = int(head.split()[1])
    return status if status != 200 or json.loads(body) == {"success": True} else 0
