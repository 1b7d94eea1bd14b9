"""The shop's visitors at a fixed rate, in a process of its own: batches of 100 when they are due, however late the answers.

    python -m tests.benchmarks.flow_load PORT KEY PEOPLE RUN RATE SECONDS

Prints one JSON line: events sent, seconds, the share of batches that were sent late by more than a tenth of a second, and the
99th percentile of the answers in milliseconds.
"""

import json
import random
import socket
import sys
import threading
import time
from itertools import islice

from tests.benchmarks.flow_world import stream
from tests.events.wire_bytes import request

BATCH, CONNECTIONS = 100, 4


def main(port: int, key: str, people: int, run: str, rate: float, seconds: float) -> None:
    """Sends, and prints."""
    lock, batches, answered, late = threading.Lock(), 0, list[float](), 0
    start = time.perf_counter()

    def work(number: int) -> None:
        nonlocal batches, late
        events = stream(people, run=run, seed=random.SystemRandom().getrandbits(40) + number)
        wire = socket.create_connection(("127.0.0.1", port))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            ready = request("/v1/batch", key, {"batch": list(islice(events, BATCH))})
            with lock:
                due = start + batches * BATCH / rate
                if due > start + seconds:
                    break
                batches += 1
            time.sleep(max(0.0, due - time.perf_counter()))
            late += time.perf_counter() - due > 0.1
            wire.sendall(ready)
            answer = wire.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.split(b"\r\n")[0].decode() or "the server closed the connection")
            answered.append(time.perf_counter() - due)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered.sort()
    print(
        json.dumps(
            {
                "events": batches * BATCH,
                "seconds": time.perf_counter() - start,
                "late": late / batches,
                "p99_ms": answered[len(answered) * 99 // 100] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5]), float(sys.argv[6]))
