"""Load for the wire in a process of its own, which shares the machine: prepared bytes over raw sockets.

    python -m tests.benchmarks.ingest_load PORT KEY CONNECTIONS REQUESTS EVENTS_PER_REQUEST

Keep-alive connections, each with one request under way; every message is new. Prints one JSON line: seconds, requests, events,
the latencies' median and 99th percentile in milliseconds, and the processor seconds of this process while it sent.
"""

import json
import resource
import select
import socket
import sys
import time
from uuid import uuid4

from tests.events.wire_bytes import request

_ANSWERED = b'{"success":true}'


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


def send(port: int, connections: int, requests: list[bytes]) -> tuple[float, list[float]]:
    """Sends all requests; seconds in all, and the seconds until each was answered. Raises RuntimeError at any other answer
    than the wire's 200."""
    clock = time.perf_counter
    sockets = {(it := socket.create_connection(("127.0.0.1", port))).fileno(): it for _ in range(connections)}
    poll = select.epoll()
    for number, each in sockets.items():
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(number, select.EPOLLIN)
    began, since, latencies, missing = clock(), dict.fromkeys(sockets, 0.0), list[float](), len(requests)
    for number in sockets:
        if requests:
            since[number] = clock()
            sockets[number].sendall(requests.pop())
    while missing:
        for number, _ in poll.poll():
            answer = sockets[number].recv(4096)
            if not (answer.startswith(b"HTTP/1.1 200") and answer.endswith(_ANSWERED)):
                raise RuntimeError(answer.split(b"\r\n")[0].decode() or "the server closed a connection")
            now = clock()
            latencies.append(now - since[number])
            missing -= 1
            if requests:
                since[number] = now
                sockets[number].sendall(requests.pop())
    seconds = clock() - began
    for each in sockets.values():
        each.close()
    return seconds, latencies


def main(port: int, key: str, connections: int, requests: int, events: int) -> None:
    """Prepares, sends, prints."""
    ready = prepared(key, requests, events)
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds, latencies = send(port, connections, ready)
    after = resource.getrusage(resource.RUSAGE_SELF)
    latencies.sort()
    found = {
        "seconds": seconds,
        "requests": len(latencies),
        "events": len(latencies) * events,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))
