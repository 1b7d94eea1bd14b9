"""A request as code that runs when it is pasted: curl, Python and JavaScript without any library. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ID = "019c2f6e-5b1a-7c3d-8e4f-0a1b2c3d4e5f"


@dataclass(frozen=True)
class Sample:
    """A request in a language."""

    language: str
    title: str
    code: str


def samples(method: str, url: str, body: Mapping[str, Any] | None, *, once: bool) -> tuple[Sample, ...]:
    """The request in each language. `once`: with an Idempotency-Key."""
    filled = re.sub(r"\{sequence\}", "1", url)
    filled = re.sub(r"\{[^}]+\}", _ID, filled)
    return (
        Sample("curl", "curl", _curl(method, filled, body, once)),
        Sample("python", "Python", _python(method, filled, body, once)),
        Sample("javascript", "JavaScript", _javascript(method, filled, body, once)),
    )


def _curl(method: str, url: str, body: Mapping[str, Any] | None, once: bool) -> str:
    lines = [f"curl {'' if method == 'GET' or (method == 'POST' and body is not None) else f'-X {method} '}{url}"]
    lines.append('-H "Authorization: Bearer $KEY"')
    if once:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if body is not None:
        quoted = json.dumps(body, indent=2, ensure_ascii=False).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{quoted}'"]
    return " \\\n  ".join(lines)


def _python(method: str, url: str, body: Mapping[str, Any] | None, once: bool) -> str:
    imports = ["import json", "import os", "import urllib.request", *(["import uuid"] if once else [])]
    headers = ['    "Authorization": f"Bearer {os.environ[\'KEY\']}",']
    if once:
        headers.append('    "Idempotency-Key": str(uuid.uuid4()),  # the same again for a retry')
    lines = [*imports, ""]
    if body is not None:
        headers.append('    "Content-Type": "application/json",')
        lines.append(f"body = {_literal(body)}")
    lines += ["headers = {", *headers, "}"]
    data = ", data=json.dumps(body).encode()" if body is not None else ""
    lines.append(f'request = urllib.request.Request("{url}", method="{method}", headers=headers{data})')
    lines.append("with urllib.request.urlopen(request) as answer:")
    lines.append("    print(answer.status)" if method == "DELETE" else "    print(json.load(answer))")
    return "\n".join(lines)


def _literal(value: Any) -> str:
    text = json.dumps(value, indent=4, ensure_ascii=False)
    # Words of JSON that Python spells otherwise; only where a value begins, so that no text is touched.
    return re.sub(
        r"(?m)((?:^|[:\[]) *)(true|false|null)(?=,?$)",
        lambda it: it[1] + {"true": "True", "false": "False", "null": "None"}[it[2]],
        text,
    )


def _javascript(method: str, url: str, body: Mapping[str, Any] | None, once: bool) -> str:
    headers = ["    Authorization: `Bearer ${process.env.KEY}`,"]
    if once:
        headers.append('    "Idempotency-Key": crypto.randomUUID(), // the same again for a retry')
    if body is not None:
        headers.append('    "Content-Type": "application/json",')
    lines = [f'const answer = await fetch("{url}", {{', f'  method: "{method}",', "  headers: {", *headers, "  },"]
    if body is not None:
        written = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        lines.append(f"  body: JSON.stringify({written}),")
    lines.append("});")
    lines.append(
        "console.log(answer.status);" if method == "DELETE" else "console.log(answer.status, await answer.json());"
    )
    return "\n".join(lines)
