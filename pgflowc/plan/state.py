"""What one place (the specs, the lock, a database, nothing) has of all flows, so that any two compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import Flow
from pgflowc.plan.fingerprints import fingerprints
from pgflowc.plan.lock import Lock
from pgflowc.plan.shape import FlowShape, shape_of
from pgflowc.plan.versions import stored_slug


@dataclass(frozen=True, slots=True)
class StateFlow:
    """A flow there. `payloads` are fingerprints of its types, None where they are not known; `flow` is the
    spec; `stored` the slug of the flow that the database has under this name, `version` which of
    its versions that is; `notes` are for people.
    """

    shape: FlowShape
    payloads: Mapping[str, str] | None = None
    flow: Flow | None = None
    stored: str | None = None
    version: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Flows by name, at a place that messages call `title`. `kinds`: whether it tells jobs from flows;
    `schedules`: whether its schedules, and how long runs are kept, are known.
    """

    title: str
    flows: Mapping[str, StateFlow] = field(default_factory=dict)
    kinds: bool = True
    schedules: bool = True

    def only(self, slugs: Sequence[str]) -> State:
        """The same place with these flows alone; all when none are named."""
        wanted = {slug: flow for slug, flow in self.flows.items() if slug in slugs}
        return replace(self, flows=wanted) if slugs else self


EMPTY = State("nothing")


def state_of_specs(flows: Sequence[Flow], keeper: CronTarget, title: str = "specs") -> State:
    """The flows as compiling them anew would make them."""
    return State(
        title, {flow.slug: StateFlow(shape_of(flow, keeper), fingerprints(flow), flow) for flow in flows}
    )


def state_of_lock(lock: Lock, title: str = "pgflowc.lock") -> State:
    """The flows as the migrations written so far make them."""
    return State(
        title,
        {
            slug: StateFlow(
                flow.shape, flow.payloads, stored=stored_slug(slug, flow.version), version=flow.version
            )
            for slug, flow in lock.flows.items()
        },
    )
