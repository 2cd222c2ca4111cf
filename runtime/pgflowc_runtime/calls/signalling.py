"""Sending signals to tasks that wait."""

from __future__ import annotations

from typing import Any, cast

from pgflowc_runtime import run_faults
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.errors import InvalidInput, SchemaError
from pgflowc_runtime.queries.run_state import step_states
from pgflowc_runtime.queries.signals import signal_task
from pgflowc_runtime.run_ids import RunId, parse_run_id
from pgflowc_runtime.run_input import json_text, plain_text
from pgflowc_runtime.signals import Delivery

_UNDEFINED_OBJECT = "42704"
_NOT_SUPPORTED = "0A000"
_INVALID_PARAMETER = "22023"
_MOST = 2**31 - 1


def signal(run_id: RunId, step: str, payload: Any, task_index: int) -> Call[Delivery]:
    """Raises RunNotFound, StepNotFound, InvalidInput, InvalidRunId, SchemaError."""
    wanted = parse_run_id(run_id)
    plain_text(step, "the slug of a step")
    what = f"the signal to step '{step}'"
    text = json_text(payload, what)
    index: Any = task_index
    if not isinstance(index, int) or not 0 <= index <= _MOST:
        raise InvalidInput(f"step '{step}' has no task {task_index!r}")
    try:
        return cast("Delivery", (yield from ask(signal_task(wanted, step, text, task_index))))
    except Refused as refused:
        if refused.sqlstate == run_faults.NO_DATA_FOUND:
            raise run_faults.run_not_found(wanted) from None
        if refused.sqlstate == _UNDEFINED_OBJECT:
            states = yield from ask(step_states([wanted]))
            known = [state.step_slug for state in states.get(wanted, ())]
            raise run_faults.step_not_found(refused.message, step, known) from None
        if refused.sqlstate == _NOT_SUPPORTED:
            raise SchemaError(
                refused.message, help="signals need pgflowc's own core, which `pgflowc db up` installs"
            ) from None
        state = refused.sqlstate or ""
        if state.startswith(run_faults.DATA) and state != _INVALID_PARAMETER:  # which names the step itself
            raise InvalidInput(f"{what} cannot be stored: {refused.message}") from None
        raise
