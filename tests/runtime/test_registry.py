"""Registries take only handlers that fit, and payloads keep their promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgflowc_runtime import Base64, Flow, JsonValue, Payload, Registry, RegistryError, Step


def flow(slug: str = "f", *steps: str, **types: Any) -> Flow[Any]:
    kinds = {"argument": JsonValue, "output": JsonValue, **types}
    options: dict[str, Any] = {"max_attempts": 1, "base_delay": 0, "timeout": 5, "definition_hash": ""}
    return Flow(
        slug=slug, input=JsonValue, steps=tuple(Step(slug=name, **kinds) for name in steps), **options
    )


def handler(input: Any, ctx: Any) -> None:
    """Any handler."""


@pytest.mark.parametrize(
    ("handlers", "error", "help"),
    [
        (
            {},
            "flow 'f' has no handler for 'charge', 'mail'",
            "`pgflowc compile` adds a stub and registers it",
        ),
        (
            {"charge": handler, "mail": handler, "mial": handler},
            "flow 'f' has no step 'mial' for the handler given",
            "did you mean 'mail'?",
        ),
        (
            {"charge": handler, "mail": "text"},
            "flow 'f', step 'mail': the handler is not callable, it is of type str",
            "",
        ),
    ],
)
def test_each_step_needs_exactly_one_callable_handler(handlers: Any, error: str, help: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Registry().add(flow("f", "charge", "mail"), handlers)
    assert str(caught.value) == error
    assert caught.value.help == help


def test_a_flow_is_registered_once() -> None:
    registry = Registry()
    registry.add(flow("f", "a"), {"a": handler})
    with pytest.raises(RegistryError, match="flow 'f' is registered twice"):
        registry.add(flow("f", "a"), {"a": handler})


def test_types_that_pydantic_cannot_validate_are_found_at_once() -> None:
    class Opaque:
        pass

    with pytest.raises(
        RegistryError, match="flow 'f', step 'a': argument type is unusable: Unable to generate"
    ):
        Registry().add(flow("f", "a", argument=Opaque), {"a": handler})


def test_a_registry_can_be_limited_to_some_flows() -> None:
    registry = Registry()
    for slug in ("orders", "mail"):
        registry.add(flow(slug, "a"), {"a": handler})
    assert [bound.flow.slug for bound in registry.only(("mail",))] == ["mail"]
    with pytest.raises(RegistryError) as caught:
        registry.only(("order",))
    assert caught.value.help == "did you mean 'orders'?"


def test_payloads_ignore_what_they_do_not_know_and_refuse_nan() -> None:
    class Item(Payload):
        price: float

    assert Item.model_validate_json('{"price": 1, "new_field": {}}') == Item(price=1.0)
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Item(price=value)


def test_bytes_are_base64_in_json_wherever_they_stand() -> None:
    class Inner(Payload):
        data: Base64

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Deps:
        inner: Inner
        many: list[Base64]

    adapter = TypeAdapter(Deps)
    text = b'{"inner":{"data":"AP/+"},"many":["+/8=",""]}'
    deps = adapter.validate_json(text)
    assert (deps.inner.data, deps.many) == (b"\x00\xff\xfe", [b"\xfb\xff", b""])
    assert adapter.dump_json(deps) == text
    with pytest.raises(ValidationError, match="not base64"):
        adapter.validate_json('{"inner": {"data": "?"}, "many": []}')
