"""Six calls by the segment-analytics-python that PYTHONPATH leads to; exits with 1 when it reports an error."""

import json
import sys
from datetime import datetime

from segment.analytics import Client
from segment.analytics.version import VERSION

told = json.loads(sys.argv[1])
if told["version"] != VERSION:
    sys.exit(f"this is {VERSION}")
errors: list[object] = []
client = Client(
    told["writeKey"], host=told["host"], gzip=told["gzip"], max_retries=1, on_error=lambda *seen: errors.append(seen)
)
client.identify(told["userId"], {"email": told["email"], "plan": "gold"}, anonymous_id="a-1")
client.track(told["userId"], "Order Completed", {"total": 12.5}, timestamp=datetime.fromisoformat(told["yearAgo"]))
client.page(told["userId"], "Shop", "Home", {"path": "/"})
client.screen(told["userId"], "Shop", "Basket")
client.group(told["userId"], "g-1", {"size": 2})
client.alias("a-1", told["userId"])
client.flush()
client.join()
sys.exit(1 if errors else 0)
