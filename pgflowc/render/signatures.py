"""What each handler takes and gives: decided once, for the generated module and for the stubs of handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgflowc.graph.model import Flow, Step
from pgflowc.render.definitions import Attribute, Reference
from pgflowc.render.flow_names import FlowNames, flow_names
from pgflowc.render.layout import Group, flat, subscript
from pgflowc.render.payloads import Payloads


@dataclass(frozen=True, slots=True)
class Signature:
    """The handler of one step: `parameter: argument` and the context in, `output` out.

    `deps` are the attributes of the deps class when `argument` is one. `argument` is a name of the generated
    module or of a builtin. `signal` is the type of the payload of the step's signal, if it has one. An
    approval has no handler, and nothing of this is about one.
    """

    step: Step
    parameter: str
    argument: str
    output: str
    deps: tuple[Attribute, ...] | None
    signal: str | None = None

    @property
    def is_approval(self) -> bool:
        """Whether the step has no handler, since a signal completes it."""
        return self.step.signal is not None and self.step.signal.approval

    @property
    def context(self) -> str:
        """The class of the handler's context."""
        return "SignalContext" if self.signal is not None else "Context"


@dataclass(frozen=True, slots=True)
class TypedFlow:
    """A flow with its Python names, its payload types and the signatures of its handlers, step by step.

    `exports` are all names that its generated module defines, `deps_classes` some of them.
    """

    flow: Flow
    names: FlowNames
    payloads: Payloads
    signatures: tuple[Signature, ...]
    deps_classes: frozenset[str]
    exports: frozenset[str]

    @property
    def handled(self) -> tuple[Signature, ...]:
        """The signatures of the steps that have handlers: all but approvals."""
        return tuple(signature for signature in self.signatures if not signature.is_approval)

    def context(self, signature: Signature) -> Group:
        """The type of a handler's context."""
        payload = (signature.signal,) if signature.signal is not None else ()
        return subscript(signature.context, self.names.input, *payload)


def typed(flow: Flow) -> TypedFlow:
    """Everything that the Python of `flow` is written from."""
    names = flow_names(flow)
    payloads = Payloads(flow.types, names.types, names.scope)
    payloads.add(names.input, flow.input)
    for step in flow.steps:
        payloads.add(names.steps[step.slug].output, step.output)
        of_signal = names.steps[step.slug].signal
        if step.signal and not step.signal.approval and of_signal:
            payloads.add(of_signal, step.signal.payload)
    steps = {step.slug: step for step in flow.steps}
    signatures = tuple(_signature(flow, steps, step, names, payloads) for step in flow.steps)
    deps = frozenset(signature.argument for signature in signatures if signature.deps is not None)
    exports = {*payloads.names(), *deps, names.flow, names.handlers, *payloads.imports.values()}
    for of_step in names.steps.values():
        exports.add(of_step.constant)
    exports |= {
        names.steps[signature.step.slug].handler for signature in signatures if not signature.is_approval
    }
    return TypedFlow(flow, names, payloads, signatures, deps, frozenset(exports))


def _signature(
    flow: Flow, steps: Mapping[str, Step], step: Step, names: FlowNames, payloads: Payloads
) -> Signature:
    output, signal = names.steps[step.slug].output, names.steps[step.slug].signal
    if step.signal is not None and step.signal.approval:
        return Signature(step, "input", "None", output, None, signal)
    if step.kind == "map":
        element = _element(flow, steps, step, names, payloads)
        if not payloads.can_be_imported(element):
            element = payloads.alias(names.steps[step.slug].item, element)
        return Signature(step, "item", flat(element.expression), output, None, signal)
    if not step.depends_on:
        return Signature(step, "input", names.input, output, None, signal)
    deps = tuple(_dependency(steps[slug], names, payloads) for slug in step.depends_on)
    return Signature(step, "deps", names.steps[step.slug].deps, output, deps, signal)


def _element(
    flow: Flow, steps: Mapping[str, Step], step: Step, names: FlowNames, payloads: Payloads
) -> Reference:
    if not step.depends_on:
        return payloads.element(names.input, flow.input)
    source = steps[step.depends_on[0]]
    output = names.steps[source.slug].output
    if source.kind == "map":
        return Reference(output, frozenset({output}))
    return payloads.element(output, source.output)


def _dependency(source: Step, names: FlowNames, payloads: Payloads) -> Attribute:
    output = names.steps[source.slug].output
    if source.kind == "map":
        found = Reference(subscript("list", output), frozenset({output, "list"}))
    elif payloads.is_null(source.output):
        found = Reference("None", frozenset({"None"}))
    else:
        found = Reference(output, frozenset({output}))
    return Attribute(source.slug, found, source.may_be_skipped)
