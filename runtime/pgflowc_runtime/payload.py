"""Base class and special types of the payloads in generated code."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, PlainSerializer, TypeAdapter
from pydantic.errors import PydanticUserError

__all__ = ["Base64", "ExactDecimal", "JsonValue", "Payload"]

# What a float holds of any decimal number: those with more digits may come out as another number.
_SAFE_DIGITS = 15


class Payload(BaseModel):
    """Base of generated payload models.

    Unknown fields are ignored, so that a producer may send more than a consumer of an older definition knows;
    the flow says where they are refused instead.
    NaN and infinity are refused, since JSON has neither. Instances are validated again when a handler returns
    them: a field that was assigned or mutated to a wrong value is found before it is stored.
    """

    model_config = ConfigDict(
        extra="ignore",
        allow_inf_nan=False,
        populate_by_name=True,
        revalidate_instances="always",
        # Fields that are methods here have other names in Python; `model_name` is no reason to warn.
        protected_namespaces=(),
    )


def _decode(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64 ({error})") from None


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


Base64 = Annotated[bytes, BeforeValidator(_decode), PlainSerializer(_encode, when_used="json")]
"""`bytes` in Python, a base64 string (RFC 4648, standard alphabet) in JSON."""


def _exact(value: Any) -> Any:
    # JSON numbers with a point or an exponent arrive as floats, and integers as int, whatever their size.
    if isinstance(value, float) and len(Decimal(repr(value)).normalize().as_tuple().digits) > _SAFE_DIGITS:
        raise ValueError(
            f"a number with more than {_SAFE_DIGITS} digits would be rounded; write it as a string"
        )
    return value


ExactDecimal = Annotated[Decimal, BeforeValidator(_exact)]
"""`Decimal` in Python, a string in JSON; read from a JSON number too, if it cannot have lost a digit."""


def forbidden(policy: Literal["ignore", "forbid"]) -> Literal["forbid"] | None:
    """What `extra=` of a validation is for a flow's policy; None leaves it to the classes."""
    return "forbid" if policy == "forbid" else None


def type_adapter(annotation: Any) -> TypeAdapter[Any]:
    """An adapter that refuses NaN and infinity, as models do."""
    try:
        return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))
    except PydanticUserError as error:
        # Classes bring a configuration of their own.
        if error.code != "type-adapter-config-unused":
            raise
    return TypeAdapter(annotation)
