"""PostgreSQL and Valkey that start with the first command and end after the last: no server to install.

They serve the demo, development and tests; production sets DATABASE_URL and BROKER_URL. Nothing here needs Django.
"""

from cdp.operations.embedded.layout import EmbeddedServerError, Servers
from cdp.operations.embedded.leases import ensure, leave, status, stop

__all__ = ["EmbeddedServerError", "Servers", "ensure", "leave", "status", "stop"]
