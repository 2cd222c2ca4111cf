"""Every code the compiler can report, one module per family; a module here needs no further registration.

Identifiers are stable: a retired one is never given to another fault.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from pgflowc.diagnostics.model import Code


def _collect() -> tuple[Code, ...]:
    found: dict[str, Code] = {}
    for family in iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{family.name}")).values():
            if isinstance(value, Code) and found.setdefault(value.id, value) is not value:
                raise RuntimeError(f"two codes are called {value.id}")
    return tuple(found[id_] for id_ in sorted(found))


ALL: tuple[Code, ...] = _collect()
_BY_ID = {code.id: code for code in ALL}


def find(id: str) -> Code | None:
    """The code of that identifier, in any case and with or without `PGF`; None if there is none."""
    wanted = id.strip().upper()
    return _BY_ID.get(wanted if wanted.startswith("PGF") else f"PGF{wanted}")
