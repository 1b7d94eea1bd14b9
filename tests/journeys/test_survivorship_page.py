"""A steward in a real browser sees what another rule would change, chooses it, watches it applied, and corrects a value."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from tests.console.conftest import NOW, World, observation
from tests.journeys.test_admin_pages import browser, pytestmark, signed_in, site
from tests.people import ALICE
from tests.servers import Server, server

__all__ = ["browser", "pytestmark", "server", "site"]


def test_a_steward_chooses_a_rule_and_corrects_a_value(site: tuple[Server, World], browser: Any) -> None:
    from django.db import connections

    from identity import recompute
    from identity.models import AttributeRule
    from identity.observe import observe

    it, world = site

    def disagree() -> None:
        """The till says later that Alice lives elsewhere."""
        observe([observation(world.till, ALICE, "T-1", at=NOW - timedelta(days=1), country="BE")], at=NOW)
        connections.close_all()

    def the_job() -> None:
        [row] = AttributeRule.objects.filter(finished_at=None)
        while recompute.step(row.id, at=NOW):
            pass
        connections.close_all()

    with ThreadPoolExecutor(1) as other:  # the browser's own loop occupies this thread
        other.submit(disagree).result()
        page, errors = signed_in(browser, it, "steward")
        page.goto(f"{it.url}/admin/identity/attributerule/")
        page.click("table.t a:has-text('country')")
        page.wait_for_selector("#rule-preview:has-text('This is the rule of now')")
        page.select_option("[name=source_0]", label="shop")
        page.wait_for_selector("#rule-preview td:has-text('A••• A•••')")
        assert "1 of 1 profiles looked at would have another value" in page.inner_text("#rule-preview")
        page.select_option("[name=step_1]", value="source_priority")
        page.wait_for_selector("#rule-preview:has-text('Name each step once')")
        page.select_option("[name=step_1]", value="longest")
        page.wait_for_selector("#rule-preview table")
        page.click("text=Choose this rule")
        page.wait_for_selector("text=Golden records follow version 1")
        other.submit(the_job).result()
        page.wait_for_selector("text=are up to date with version 1", timeout=30_000)
    page.goto(f"{it.url}/admin/identity/profile/{world.alice}/change/")
    assert "source priority" in page.inner_text("tr:has(td:text-is('country'))")
    page.click("[aria-label='Correct country']")
    page.fill("[name=part_0]", "Nowhere")
    page.fill("[name=reason]", "Customer said so on the phone")
    page.click("text=It stands from now on")
    page.wait_for_selector("text=The catalogue declares a text here")
    page.fill("[name=part_0]", "DE")
    page.click("text=It stands from now on")
    page.wait_for_selector("tr:has(td:text-is('country')):has-text('steward')")
    row = page.locator("tr:has(td:text-is('country'))").first
    row.locator("summary").click()
    assert {"NL", "BE", "DE"} <= set(row.inner_text().split())
    assert errors == []
