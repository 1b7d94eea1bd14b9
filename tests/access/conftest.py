from collections.abc import Callable

import pytest
from django.test import Client

from cdp.access.keys import create_key
from cdp.audit import Actor

BY = Actor("system", "test")


@pytest.fixture
def client_with(db: None) -> Callable[..., Client]:
    """A client whose requests carry a key with these scopes."""

    def make(*scopes: str) -> Client:
        _, token = create_key("test", scopes, BY)
        return Client(headers={"authorization": f"Bearer {token}"})

    return make
