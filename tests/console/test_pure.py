"""Charts, chains of links, pictures, masking of events: values in, values out."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.conf import settings

from cdp.console import charts, graph, names, shown
from cdp.console.paths import chain
from cdp.console.templatetags.console import listed, pairs
from cdp.events.reads import TimelineEvent
from identity.profiles import LinkView

AT = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C, D = (UUID(int=n) for n in range(1, 5))


def link(left: UUID, right: UUID, weight: float) -> LinkView:
    return LinkView(left, right, "same email", "email", uuid4(), weight, AT)


def test_a_chain_takes_the_way_whose_weakest_link_is_strongest() -> None:
    weak, strong, far = link(A, B, 10), link(A, B, 30), link(B, C, 20)
    assert chain([weak, strong, far], A, C) == [strong, far]
    assert chain([weak, far], C, A) == [far, weak]
    assert chain([weak, far, link(A, C, 1)], A, C) == [weak, far]
    straight = link(A, C, 25)
    assert chain([weak, far, straight], A, C) == [straight]
    assert chain([weak], A, D) is None
    assert chain([], A, A) == []


def test_axes_end_on_round_numbers() -> None:
    assert [charts.ceiling(n) for n in (0, 1, 1.5, 3, 6, 11, 499, 501)] == [1, 1, 2, 5, 10, 20, 500, 1000]


def test_bars_escape_titles_and_show_the_smallest() -> None:
    drawn = charts.bars([charts.Bar(0, "<b>"), charts.Bar(1, "one"), charts.Bar(100_000, "many")], height=100)
    assert "<b>" not in drawn
    assert drawn.count('class="bar"') == 3
    assert 'height="0"' in drawn
    assert 'height="1.5"' in drawn
    assert charts.bars([]).count('class="bar"') == 0


def test_a_stack_is_as_wide_as_its_parts() -> None:
    parts = [charts.Part("a", 3, "tone-good"), charts.Part("b", 1, "tone-bad"), charts.Part("c", 0, "tone-calm")]
    assert "width:75%" in charts.stack(parts)
    assert "tone-calm" not in charts.stack(parts)
    assert "<span" not in charts.stack([charts.Part("a", 0, "tone-good")])


def test_pictures_of_one_and_of_many_records() -> None:
    one = graph.draw([graph.Node(A, "<shop>", "user_id")], [])
    assert "<shop>" not in one
    assert one.count("<circle") == 1
    many = [graph.Node(UUID(int=n), "shop", "row") for n in range(1, 60)]
    assert graph.draw(many, [link(A, B, 10), link(A, UUID(int=59), 10)]).count("<line") == 1


def test_what_somebody_is_called() -> None:
    assert names.called({"firstName": "A•••", "lastName": "B•••", "name": "x"}) == "A••• B•••"
    assert names.called({"name": "C•••"}) == "C•••"
    assert names.called({}, [{"kind": "email", "value": "a•••@•••"}]) == "a•••@•••"
    assert names.called({}) == names.NOBODY


def event(**more: object) -> TimelineEvent:
    values: dict[str, object] = {"facts": {}, "sealed": {}, "type": "track", "name": A, **more}
    return TimelineEvent(id=A, record_id=B, source_id=C, message=D, occurred_at=AT, received_at=AT, **values)  # type: ignore[arg-type]


CLASSES = {
    "trait": {"email": "identifying"},
    "group": {"name": "identifying"},
    "property": {"revenue": "fact", "coupon": "identifying", "products[].price": "fact"},
    "context": {"ip": "identifying"},
}


def test_events_show_facts_and_mask_the_rest() -> None:
    it = event(
        facts={"revenue": 5, "products": [{"price": 1}], "$context": {"locale": "en"}},
        sealed={"properties": {"coupon": "ALICE10", "whim": 1, "products": [{"name": "pills"}]}, "context": {"ip": "192.0.2.1"}},
    )  # fmt: skip
    closed = shown.event_body(it, CLASSES, open=False)
    assert closed["properties"] == {"revenue": 5, "products": [{"price": 1}], "coupon": "•••", "•••": "•••"}
    assert closed["context"] == {"locale": "en", "ip": "•••"}
    assert "wire" not in closed
    opened = shown.event_body(it, CLASSES, open=True)
    assert opened["properties"]["products"] == [{"price": 1, "name": "pills"}]
    assert opened["properties"]["whim"] == 1


def test_an_undeclared_name_of_an_event_is_masked() -> None:
    it = event(sealed={"event": "Alice's birthday"})
    assert shown.event_name(it, None, open=False) == "•••"
    assert shown.event_name(it, None, open=True) == "Alice's birthday"
    assert shown.event_name(it, "Order Completed", open=False) == "Order Completed"
    assert shown.event_name(event(name=None), None, open=False) is None


def test_amounts_have_the_currency_of_their_event_or_of_the_installation() -> None:
    order = {"total": 1234.5, "currency": "USD", "quantity": 2, "products": [{"price": 3, "sku": "a"}], "tax": "•••"}
    assert pairs(order) == [
        ("total", "1,234.50 USD"), ("currency", "USD"), ("quantity", 2), ("products", "1 items"), ("tax", "•••"),
    ]  # fmt: skip
    assert listed(order) == [("products", [[("price", "3.00 USD"), ("sku", "a")]])]
    assert pairs({"cart": {"value": 5}}) == [("cart.value", f"5.00 {settings.CURRENCY}")]
