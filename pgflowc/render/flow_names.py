"""The Python names of one flow: what its generated module defines, and what its handlers are called."""

from __future__ import annotations

from dataclasses import dataclass

from pgflowc.graph.model import Flow
from pgflowc.render.imports import RESERVED
from pgflowc.render.names import Scope, constant_case, function_name, identifier, pascal_case


@dataclass(frozen=True, slots=True)
class StepNames:
    """The names of one step; `item` is for the element of a map step, should that need a name, and `signal`
    for the payload of its signal, if it waits for one. That of an approval is its output.
    """

    constant: str
    output: str
    deps: str
    item: str
    handler: str
    function: str
    signal: str | None


@dataclass(frozen=True, slots=True)
class FlowNames:
    """The names of one flow. `scope` holds all that the generated module defines, for further claims."""

    module: str
    flow: str
    input: str
    handlers: str
    steps: dict[str, StepNames]
    types: dict[str, str]
    scope: Scope


def flow_names(flow: Flow) -> FlowNames:
    """The names of `flow`: user types keep theirs, then the flow's own, then those of its steps."""
    # A handler type named like a slug would be hidden by the key of that slug in the table of handlers.
    slugs = {step.slug for step in flow.steps}
    scope = Scope(RESERVED)
    types = {name: scope.claim(name) for name in flow.types}
    base = pascal_case(flow.slug)
    own = [scope.claim(f"{base}{suffix}") for suffix in ("", "Input", "Handlers")]
    classes = {
        (step.slug, suffix): scope.claim(pascal_case(step.slug) + suffix)
        for step in flow.steps
        for suffix in ("Output", "Deps", "Item")
    }
    tables = {
        step.slug: scope.claim(_unlike(f"{pascal_case(step.slug)}Handler", slugs)) for step in flow.steps
    }
    constants = {step.slug: scope.claim(constant_case(step.slug)) for step in flow.steps}
    signals = {
        step.slug: scope.claim(f"{pascal_case(step.slug)}Signal")
        for step in flow.steps
        if step.signal and not step.signal.approval
    }
    # Handwritten modules import what the generated one defines.
    functions = _functions(flow, scope.copy())
    steps = {
        step.slug: StepNames(
            constant=constants[step.slug],
            output=classes[step.slug, "Output"],
            deps=classes[step.slug, "Deps"],
            item=classes[step.slug, "Item"],
            handler=tables[step.slug],
            function=functions[step.slug],
            signal=classes[step.slug, "Output"]
            if step.signal and step.signal.approval
            else signals.get(step.slug),
        )
        for step in flow.steps
    }
    # Slugs that differ only in case are refused, so modules in lower case are distinct on every file system.
    return FlowNames(identifier(flow.slug.lower()), own[0], own[1], own[2], steps, types, scope)


def _functions(flow: Flow, scope: Scope) -> dict[str, str]:
    """The functions by slug; a step that can be called by its slug is, whatever the others are called."""
    if flow.kind == "job":
        return {step.slug: scope.claim("perform") for step in flow.steps}
    wanted = {step.slug: function_name(step.slug) for step in flow.steps}
    order = sorted(wanted, key=lambda slug: wanted[slug] != slug)
    return {slug: scope.claim(wanted[slug]) for slug in order}


def _unlike(name: str, slugs: set[str]) -> str:
    while name in slugs:
        name += "_"
    return name
