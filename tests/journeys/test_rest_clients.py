"""The clients that docs/rest.md shows, run as they stand against the API."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from cdp.access.keys import create_key
from cdp.access.models import KeptAnswer
from cdp.audit import SYSTEM
from cdp.sources.models import Source
from cdp.wsgi import application
from tests.console.conftest import populate
from tests.journeys.inhabited import dutch

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "rest.md").read_text()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def block(title: str) -> str:
    """The code below a heading of docs/rest.md."""
    found = re.search(rf"^### {title}\n+```\w+\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


@pytest.fixture
def base(clean: None) -> Iterator[str]:
    """A server with Alice, Bob and a segment."""
    populate()
    dutch()
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(command: list[str], code: str, base: str) -> str:
    """What the code prints, given a key."""
    _, token = create_key("docs", ["segments:read", "sources:read", "sources:write"], SYSTEM)
    shop = Source.objects.get(name="shop")
    script = code.replace("http://localhost:8000", base)
    done = subprocess.run(
        [*command, script], env=os.environ | {"KEY": token, "SOURCE": str(shop.pk)}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_python(base: str) -> None:
    out = run([sys.executable, "-c"], block("Python"), base).splitlines()
    assert out[0].startswith("dutch ")
    assert out[1] == f"201 {Source.objects.get(name='webshop-2').pk}"
    assert KeptAnswer.objects.count() == 1


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_javascript(base: str) -> None:
    out = run(["node", "--input-type=module", "-e"], block("JavaScript"), base).splitlines()
    assert out == ["dutch 304", f"201 {Source.objects.get(name='webshop-3').pk}"]
    assert KeptAnswer.objects.count() == 1


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl(base: str, tmp_path: Path) -> None:
    out = run(["bash", "-euc"], f"cd {tmp_path}\n{block('curl')}", base)
    listed, _, made = out.partition("304\n")
    assert json.loads(listed)["results"][0]["key"] == "dutch"
    assert json.loads(made)["name"] == "webshop"
