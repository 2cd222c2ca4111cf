"""What help shows of the language, in the language of the file that it is about: YAML or TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

_PLAIN = re.compile(r"[\w$.]+")
_BARE_KEY = re.compile(r"[\w-]+", re.ASCII)


class Written(str):
    """A value as it stands in the file already."""

    __slots__ = ()


ELLIPSIS = Written("...")
Value = str | Sequence["Value"] | Mapping[str, "Value"]


def example(path: str, value: Value) -> str:
    """The value as the file `path` would have it on one line: `{$enum: [a, b]}`."""
    return _toml(value) if path.lower().endswith(".toml") else _yaml(value)


def setting(path: str, key: str, value: Value) -> str:
    """How the file sets a key: `map: $input`."""
    is_toml = path.lower().endswith(".toml")
    return f"{_toml_key(key)} = {_toml(value)}" if is_toml else f"{key}: {_yaml(value)}"


def _yaml(value: Value) -> str:
    if isinstance(value, Written):
        return value
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else f"'{value}'"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    return f"[{', '.join(map(_yaml, value))}]"


def _toml(value: Value) -> str:
    if isinstance(value, Written):
        return value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping) and not value:
        return "{}"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    return f"[{', '.join(map(_toml, value))}]"


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)
