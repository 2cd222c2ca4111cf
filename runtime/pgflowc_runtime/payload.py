"""Base class and special types of the payloads in generated code."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, PlainSerializer

__all__ = ["Base64", "JsonValue", "Payload"]


class Payload(BaseModel):
    """Base of generated payload models.

    Unknown fields are ignored, so that a producer may send more than a consumer of an older definition knows.
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
