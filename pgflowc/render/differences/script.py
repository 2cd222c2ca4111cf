"""A difference as SQL, to be read first and then run: most of all what mends drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgflowc.plan.difference import Difference, FlowDifference
from pgflowc.plan.ops import Op, OrderSteps
from pgflowc.plan.versions import of_version
from pgflowc.render.differences import words
from pgflowc.render.literals import one_line
from pgflowc.render.migration import LOCK_TIMEOUT
from pgflowc.render.statements import statements


def render(found: Difference, *, drift_only: bool, needs: str = "") -> str:
    """Statements, for one transaction, that lead from `found.before` to `found.after`.

    With `drift_only` it mends drift; what the specs change stays a comment, since a migration has to do that:
    where it was done by hand, the migration would find other values than it expects. `needs` is said first.
    """
    blocks = [block for flow in found.flows if (block := list(_flow(flow, drift_only)))]
    head = [f"-- From {one_line(found.before)} to {one_line(found.after)}."]
    if drift_only:
        head = [f"-- Takes drift of {one_line(found.before)} back to what its migrations left."]
    head += [f"-- {needs}"] if needs else []
    if not any(_ops(flow, drift_only) for flow in found.flows):
        return "".join(f"{line}\n" for line in [*head, *_joined(blocks), "", "-- Nothing to do."])
    head.append("-- To be run in one transaction: as a migration, or by psql --single-transaction.")
    return "".join(f"{line}\n" for line in [*head, "", f"{LOCK_TIMEOUT};", *_joined(blocks)])


def _flow(flow: FlowDifference, drift_only: bool) -> Iterator[str]:
    for line in flow.lines:
        if isinstance(line.op, OrderSteps):
            continue
        later = drift_only and not line.drift
        comes = "; not here: it comes with a migration" if later else ""
        yield f"-- {line.mark} {words.change(line)} ({words.judgement(line)}{comes})"
    if flow.makes_version and not drift_only:
        yield "-- A new version of it, with files and handlers of its own: `pgflowc compile` writes it."
    yield from (f"{statement};" for statement in statements(_ops(flow, drift_only)))


def _ops(flow: FlowDifference, drift_only: bool) -> Sequence[Op]:
    if flow.makes_version and not drift_only:
        return ()
    return of_version(flow.name, flow.stored, flow.mend if drift_only else flow.ops)


def _joined(blocks: Sequence[Sequence[str]]) -> Iterator[str]:
    for block in blocks:
        yield ""
        yield from block
