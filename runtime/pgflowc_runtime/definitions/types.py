"""The types of a definition: read, and judged by the rules that specs have as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgflowc_language.endless_types import endless_types
from pgflowc_language.payload_schema import payload_schema
from pgflowc_language.payload_types import ANY, PayloadType
from pgflowc_language.type_names import DATA, fault_of_name, meant_by, unknown_type
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.notation import Reader


class Types:
    """The payload types of one definition.

    `types` is the value of that key; `payloads` are where and how payloads are written. `faults` is complete
    when both are read.
    """

    def __init__(self, types: Mapping[str, Any], payloads: Mapping[Path, Any]) -> None:
        reader = Reader()
        self._written = types
        self.named: dict[str, PayloadType] = {
            name: reader.read(written, ("types", name)) for name, written in types.items()
        }
        self._payloads = {at: reader.read(written, at) for at, written in payloads.items()}
        self.faults = [*reader.faults, *self._names(reader.uses), *self._endless()]

    def payload(self, at: Path) -> PayloadType:
        """The type of the payload at that place; `any` if none is written."""
        return self._payloads.get(at, ANY)

    def schema(self, at: Path, *, closed: bool) -> dict[str, Any]:
        """What the database checks payloads against. Only without faults."""
        return payload_schema(self.payload(at), self.named, closed=closed)

    def _names(self, uses: Mapping[str, Path]) -> Iterator[Fault]:
        for name in self._written:
            if fault := fault_of_name(name):
                message, help = fault
                yield Fault("PGF303", message, ("types", name), help)
        for name, at in uses.items():
            if name not in self._written:
                yield Fault("PGF302", unknown_type(name), at, meant_by(name, self._written, DATA))

    def _endless(self) -> Iterator[Fault]:
        for one in endless_types(self.named):
            if one.is_alias:
                code, help = "PGF310", f'put an object between: {{"children": ["{one.name}"]}}'
            else:
                code, help = "PGF304", f'give it an end: "{one.name} | null" or ["{one.name}"]'
            yield Fault(code, one.message, ("types", one.name), help)
