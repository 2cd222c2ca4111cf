"""The notation of payload types in data: texts such as `map of Item | null`, lists and mappings.

What cannot be read is a fault, in the words that specs get (`pgflowc.graph.notation`), and becomes `any`,
which fits everything, so that nothing else complains about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgflowc_language.enum_values import BadValue, enum_of
from pgflowc_language.payload_types import ANY, NULL, Array, Object, PayloadType, written_field
from pgflowc_language.type_names import DATA
from pgflowc_language.type_text import MAX_DEPTH, read_type_text, too_deep
from pgflowc_language.words import did_you_mean, quote
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.words import got

_DIRECTIVES = ("$enum", "$ref", "$python")
_CHOICE = 'a choice of values is {"$enum": ["a", "b"]}'


class Reader:
    """Reads the types of one definition. `uses` collects the names met, with the first place of each, and
    `faults` what was wrong.
    """

    def __init__(self) -> None:
        self.uses: dict[str, Path] = {}
        self.faults: list[Fault] = []

    def read(self, written: Any, at: Path) -> PayloadType:
        """The type that stands at that place."""
        return self._read(written, at, 0)

    def _read(self, written: Any, at: Path, depth: int) -> PayloadType:
        if depth > MAX_DEPTH:
            message, help = too_deep(DATA)
            return self._refuse("PGF301", message, at, help)
        if isinstance(written, Mapping):
            return self._object(written, at, depth)
        if isinstance(written, list):
            return self._array(written, at, depth)
        if written is None:
            return NULL
        if isinstance(written, str):
            return self._text(written, at)
        return self._refuse("PGF301", f"{got(written)} is a value, not a type", at, _CHOICE)

    def _array(self, written: list[Any], at: Path, depth: int) -> PayloadType:
        if len(written) == 1:
            return Array(self._read(written[0], (*at, 0), depth + 1))
        if not written:
            message, help = "this array has no element type", 'write ["T"], or ["any"]'
        else:
            message = f"an array has one element type, not {len(written)}"
            help = f'write ["T | U"] for mixed elements; {_CHOICE}'
        return self._refuse("PGF307", message, at, help)

    def _object(self, written: Mapping[Any, Any], at: Path, depth: int) -> PayloadType:
        directive = next((str(key) for key in written if str(key).startswith("$")), None)
        if directive is None:
            fields = []
            for key, inner in written.items():
                if not isinstance(key, str) or not key:
                    self._refuse("PGF301", "a field needs a name", (*at, str(key)))
                    continue
                fields.append(written_field(key, self._read(inner, (*at, key), depth + 1)))
            return Object(tuple(fields))
        place = (*at, directive)
        if directive not in _DIRECTIVES:
            help = did_you_mean(directive, _DIRECTIVES) or _CHOICE
            return self._refuse("PGF308", f"{quote(directive)} means nothing in a payload type", place, help)
        if len(written) > 1:
            message = f"'{directive}' must stand alone in its mapping"
            return self._refuse("PGF308", message, place, "move the other fields to an object of their own")
        if directive == "$enum":
            return self._enum(written["$enum"], place)
        code = "PGF312" if directive == "$ref" else "PGF311"
        message = f"'{directive}' has no place in a definition at run time"
        return self._refuse(code, message, place, "it is for specs: write the type out, under 'types' maybe")

    def _enum(self, written: Any, at: Path) -> PayloadType:
        if not isinstance(written, list) or not written:
            return self._refuse("PGF306", "'$enum' takes a list of values", at, _CHOICE)
        found = enum_of(written)
        if isinstance(found, BadValue):
            return self._refuse("PGF306", found.message, (*at, found.number), found.help)
        return found

    def _text(self, written: str, at: Path) -> PayloadType:
        found = read_type_text(written, DATA)
        for use in found.uses:
            self.uses.setdefault(use.name, at)
        for one in found.repeated:
            self._refuse("PGF305", one.message, at, one.help)
        if found.refusal:
            self._refuse("PGF301", found.refusal.message, at, found.refusal.help)
        return found.type

    def _refuse(self, code: str, message: str, at: Path, help: str = "") -> PayloadType:
        """Add a fault; the type is `any` from here on."""
        self.faults.append(Fault(code, message, at, help))
        return ANY
