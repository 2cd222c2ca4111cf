"""Names of flows to what is stored under them: a flow with versions is several stored flows."""

from __future__ import annotations

from collections.abc import Callable

from pgflowc_runtime import queries
from pgflowc_runtime.call import Call, ask
from pgflowc_runtime.rows import ClientFeatures

AskFeatures = Callable[[], Call[ClientFeatures]]
"""`Starter.ask_features` of a client."""


def stored_flows(name: str, features: ClientFeatures) -> Call[list[str]]:
    """The slugs of all versions of the name, the current one first; the name itself where it has none."""
    if not features.has_versions:
        return [name]
    return (yield from ask(queries.versions_of(name)))
