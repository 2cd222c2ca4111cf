"""Whether a database defines flows as they were compiled: what a worker looks at before its first task, and
what `pgflowc verify` tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pgflowc_runtime import queries
from pgflowc_runtime.database import Database
from pgflowc_runtime.flow import Flow, Step
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import SignalKind, StoredFlow, StoredStep

State = Literal["same", "differs", "unfit", "missing"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A flow of the registry beside that of the database.

    `faults` say why no worker may serve it: other steps, kinds or dependencies. `differences` do no such
    harm: options and conditions, about which the database decides. `stored` is None where it has no such
    flow.
    """

    flow: Flow[Any]
    stored: StoredFlow | None
    faults: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """`unfit` and `missing` ones cannot be served."""
        if self.stored is None:
            return "missing"
        if self.faults:
            return "unfit"
        return "differs" if self.differences else "same"

    @property
    def sentence(self) -> str:
        """Why no worker may serve it; "" if one may."""
        if self.stored is None:
            return f"flow '{self.flow.slug}' is not in the database"
        if self.faults:
            return (
                f"flow '{self.flow.slug}' in the database is not what was compiled: {'; '.join(self.faults)}"
            )
        return ""


async def agreements(database: Database, registry: Registry) -> tuple[Agreement, ...]:
    """One for each flow of the registry, in its order. Raises psycopg.Error."""
    capabilities = await database.run(queries.capabilities())
    declared = await database.run(queries.declared_signals()) if capabilities.has_signals else {}
    return tuple(
        [
            agreement(one.flow, await database.run(queries.stored_flow(one.flow.slug)), declared)
            for one in registry
        ]
    )


def agreement(
    flow: Flow[Any], stored: StoredFlow | None, declared: Mapping[tuple[str, str], SignalKind]
) -> Agreement:
    """What a compiled flow and a stored one have in common, and what not; `declared` are the signals of the
    database's steps, by flow and step.
    """
    if stored is None:
        return Agreement(flow, None)
    faults = (*_faults(flow, stored.steps), *_signal_faults(flow, declared))
    if faults:
        return Agreement(flow, stored, faults)
    return Agreement(flow, stored, (), tuple(_differences(flow, stored)))


def _faults(flow: Flow[Any], stored: tuple[StoredStep, ...]) -> list[str]:
    there = {step.slug: step for step in stored}
    here = {step.slug for step in flow.steps}
    faults = [f"it has a step '{slug}' that the registry lacks" for slug in there if slug not in here]
    for step in flow.steps:
        if step.slug not in there:
            faults.append(f"it lacks step '{step.slug}'")
            continue
        found = there[step.slug]
        if found.kind != step.kind:
            faults.append(f"step '{step.slug}' is a {found.kind} step there and a {step.kind} step here")
        if set(found.depends_on) != set(step.depends_on):
            faults.append(
                f"step '{step.slug}' depends on {_names(found.depends_on)} there "
                f"and on {_names(step.depends_on)} here"
            )
    return faults


def _signal_faults(flow: Flow[Any], declared: Mapping[tuple[str, str], SignalKind]) -> Iterator[str]:
    """An approval that only one side knows is never completed, or never executed; a signal that the database
    does not know is not checked when it is sent.
    """
    for step in flow.steps:
        there = declared.get((flow.slug, step.slug))
        if step.approval and there != "approval":
            yield f"step '{step.slug}' is an approval here and none there"
        elif not step.approval and there == "approval":
            yield f"step '{step.slug}' is an approval there and none here"
        elif step.declares_signal and there is None:
            yield f"step '{step.slug}' declares its signal here and not there"


def _differences(flow: Flow[Any], stored: StoredFlow) -> list[str]:
    """What differs beyond the shape. Handwritten definitions state no hash, and then only options do."""
    hash_ = stored.definition_hash(flow.kind)
    if flow.definition_hash == hash_:
        return []
    there = {step.slug: step for step in stored.steps}
    differences = []
    for step in flow.steps:
        found, compiled = there[step.slug], _options(flow, step)
        if (found.max_attempts, found.timeout) != compiled:
            differences.append(
                f"step '{step.slug}' of flow '{flow.slug}': the database says max_attempts "
                f"{found.max_attempts} and timeout {found.timeout} s, the registry {compiled[0]} and "
                f"{compiled[1]} s"
            )
    if not differences and flow.definition_hash:
        differences.append(
            f"flow '{flow.slug}': conditions, delays or modes of its steps are not those that were compiled "
            f"(definition {hash_} in the database, {flow.definition_hash} in the registry)"
        )
    return differences


def _options(flow: Flow[Any], step: Step) -> tuple[int, int]:
    attempts = flow.max_attempts if step.max_attempts is None else step.max_attempts
    return attempts, flow.timeout if step.timeout is None else step.timeout


def _names(slugs: tuple[str, ...]) -> str:
    return ", ".join(f"'{slug}'" for slug in sorted(slugs)) or "nothing"
