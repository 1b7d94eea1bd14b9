"""A command starts without what only some work needs: everybody who types one waits for what is loaded."""

import os
import subprocess
import sys

START = """
import sys
import cdp.celery
import django
django.setup()
import cdp.urls
print(*sys.modules)
"""


def test_a_start_loads_neither_arrays_nor_the_client_of_valkey() -> None:
    environment = os.environ | {"CDP_NO_SERVERS": "1"}
    done = subprocess.run([sys.executable, "-c", START], env=environment, capture_output=True, text=True, check=True)
    assert {"numpy", "pyarrow", "redis"} & set(done.stdout.split()) == set()
