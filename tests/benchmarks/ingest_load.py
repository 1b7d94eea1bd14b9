"""Load for the wire in a process of its own: many keep-alive connections, prepared requests, as little work as possible.

    python -m tests.benchmarks.ingest_load PORT KEY CONNECTIONS REQUESTS EVENTS_PER_REQUEST

prints one JSON line: seconds, requests, events, and the latencies' median and 99th percentile in milliseconds.
"""

import asyncio
import json
import sys
import time
from uuid import uuid4

from tests.events.wire_bytes import request


def prepared(key: str, requests: int, events: int) -> list[bytes]:
    """Requests with distinct messages of about 600 bytes each, as an order looks."""
    run = uuid4().hex[:8]

    def event(n: int) -> dict[str, object]:
        products = [{"product_id": f"sku-{n % 977}", "price": 2.5, "quantity": 1 + n % 3} for _ in range(4)]
        return {
            "type": "track", "event": "Order Completed", "userId": f"u-{n % 5000}", "messageId": f"{run}-{n}",
            "timestamp": "2026-03-05T11:50:00.000Z", "context": {"library": {"name": "bench", "version": "1"}},
            "properties": {"order_id": f"o-{n}", "revenue": 25.5, "currency": "EUR", "products": products},
        }  # fmt: skip

    if events == 1:
        return [request("/v1/track", key, event(n)) for n in range(requests)]
    return [
        request("/v1/batch", key, {"batch": [event(n * events + each) for each in range(events)]})
        for n in range(requests)
    ]


class Sender(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last is complete."""

    def __init__(self, left: list[bytes], latencies: list[float], done: "asyncio.Future[None]") -> None:
        self.left, self.latencies, self.done = left, latencies, done
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.left:
            self.sent = time.perf_counter()
            self.transport.write(self.left.pop())
        else:
            self.transport.close()
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(data.split(b"\r\n")[0].decode()))
            self.transport.close()
            return
        if data.endswith(b'{"success":true}'):
            self.latencies.append(time.perf_counter() - self.sent)
            self.send()


async def run(port: int, connections: int, requests: list[bytes]) -> dict[str, float]:
    """Sends all requests and measures."""
    loop, latencies, waiting = asyncio.get_running_loop(), [], []  # type: ignore[var-annotated]
    start = time.perf_counter()
    for _ in range(connections):
        done = loop.create_future()
        await loop.create_connection(lambda done=done: Sender(requests, latencies, done), "127.0.0.1", port)
        waiting.append(done)
    await asyncio.gather(*waiting)
    seconds = time.perf_counter() - start
    latencies.sort()
    return {
        "seconds": seconds,
        "requests": len(latencies),
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    port, key, connections, requests, events = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    measured = asyncio.run(run(int(port), connections, prepared(key, requests, events)))
    print(json.dumps(measured | {"events": measured["requests"] * events}))
