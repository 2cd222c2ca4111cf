"""What the contract says of runs (sections 4, 7 to 11), as a model in Python, against the database.

Random flows, random calls. After every call all that the database knows of the run is what the model says,
and so is what the call returned. pgflowc.cancel_run and retry_run are called in between: the model has both.

PGFLOWC_MODEL_EXAMPLES=2000 looks longer. Above 400 lines: the model is one idea.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

EXAMPLES = int(os.environ.get("PGFLOWC_MODEL_EXAMPLES", "80"))
MODES = ["fail", "skip", "skip-cascade"]
# Seconds, far enough apart to tell which one made a message wait; TOLERANCE covers the time the test takes.
TIMEOUTS, BASE_DELAYS, START_DELAYS, TOLERANCE = [None, 10_000], [None, 300], [None, None, 70_000], 100
FLOW_TIMEOUT, FLOW_BASE_DELAY, FLOW_MAX_ATTEMPTS = 5000, 1000, 2
_numbers = count(1)


@dataclass(frozen=True)
class Step:
    slug: str
    deps: tuple[str, ...]
    kind: str
    options: dict[str, Any]

    @property
    def max_attempts(self) -> int:
        own = self.options["max_attempts"]
        return FLOW_MAX_ATTEMPTS if own is None else own

    @property
    def has_condition(self) -> bool:
        return bool(self.options.keys() & {"required_input_pattern", "forbidden_input_pattern"})


def contains(value: Any, pattern: Any) -> bool:
    """jsonb @>, as far as the patterns drawn here need it."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and contains(value[key], wanted) for key, wanted in pattern.items()
        )
    return type(value) is type(pattern) and value == pattern


@dataclass
class State:
    """A row of step_states."""

    remaining_deps: int
    initial_tasks: int | None
    status: str = "created"
    remaining_tasks: int | None = None
    output: Any = None
    error_message: str | None = None
    skip_reason: str | None = None


@dataclass
class Task:
    """A row of step_tasks, and the seconds until its message is visible (None: archived)."""

    due: int | None
    status: str = "queued"
    attempts: int = 0
    output: Any = None
    error_message: str | None = None
    requeued: int = 0
    is_given_up: bool = False


@dataclass
class Model:
    """A run. Methods are the calls, and what they bring about."""

    steps: dict[str, Step]
    input: Any
    status: str = "started"
    output: Any = None
    events: list[str] = field(default_factory=list)
    messages: int = 0
    states: dict[str, State] = field(default_factory=dict)
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)

    @property
    def remaining_steps(self) -> int:
        return sum(state.status not in ("completed", "skipped") for state in self.states.values())

    def start(self) -> None:
        """7: start_flow."""
        for step in self.steps.values():
            size = 1 if step.kind == "single" else None if step.deps else len(self.input)
            self.states[step.slug] = State(len(step.deps), size)
        self.events.append("run:started")
        self._advance()

    def claim(self, key: tuple[str, int]) -> bool:
        """8.1: start_tasks with the message of one task."""
        task, step = self.tasks[key], self.steps[key[0]]
        if self.status != "started" or self.states[key[0]].status != "started" or task.status != "queued":
            return False
        task.status, task.attempts = "started", task.attempts + 1
        task.due = (step.options["timeout"] or FLOW_TIMEOUT) + 2
        return True

    def claimed_input(self, key: tuple[str, int]) -> tuple[Any, Any]:
        """8.2: input and flow_input of a claimed task."""
        step = self.steps[key[0]]
        if step.kind == "map":
            array = self.states[step.deps[0]].output if step.deps else self.input
            return array[key[1]], None
        return (self._outputs_of(step.deps), None) if step.deps else ({}, self.input)

    def complete(self, key: tuple[str, int], output: Any) -> None:
        """8.3: complete_task, and 8.5: type violations."""
        slug, task = key[0], self.tasks[key]
        step, state = self.steps[slug], self.states[slug]
        if self.status == "failed" or state.status != "started":
            task.due = None
            return
        waiting = [
            dependent
            for dependent in self._dependents(slug)
            if self.steps[dependent].kind == "map" and self.states[dependent].initial_tasks is None
        ]
        if step.kind == "single" and waiting and not isinstance(output, list):
            name = {dict: "object", str: "string", bool: "boolean", type(None): "null"}.get(
                type(output), "number"
            )
            task.status, task.output, task.due = "failed", output, None
            task.error_message = f"[TYPE_VIOLATION] Produced {name} instead of array"
            state.status = "failed"
            state.error_message = (
                f"[TYPE_VIOLATION] Map step {waiting[0]} expects array input"
                f" but dependency {slug} produced {name}"
            )
            self._fail_run("run:failed", f"step:{slug}:failed")
            return
        if task.status != "started":
            return

        task.status, task.output, task.due = "completed", output, None
        assert state.remaining_tasks is not None
        state.remaining_tasks -= 1
        if state.remaining_tasks == 0:
            outputs = [task.output for (owner, _), task in sorted(self.tasks.items()) if owner == slug]
            state.status, state.output = "completed", output if step.kind == "single" else outputs
            self.events.append(f"step:{slug}:completed")
            for dependent in self._dependents(slug):
                self.states[dependent].remaining_deps -= 1
                if dependent in waiting or self.states[dependent].initial_tasks is None:
                    self.states[dependent].initial_tasks = len(state.output)
            self._advance()

    def fail(self, key: tuple[str, int], message: str) -> None:
        """8.4: fail_task."""
        slug, task = key[0], self.tasks[key]
        step, state = self.steps[slug], self.states[slug]
        if self.status == "failed" or state.status != "started":
            task.due = None
            return
        if task.status != "started":
            return
        task.error_message = message
        if task.attempts < step.max_attempts:
            task.status = "queued"
            if task.due is not None:  # a message that was given up on stays where it is
                task.due = (step.options["base_delay"] or FLOW_BASE_DELAY) * 2**task.attempts
            return

        task.status, task.due = "failed", None
        mode = step.options["when_exhausted"]
        if mode == "fail":
            state.status, state.error_message = "failed", message
            self._fail_run(f"step:{slug}:failed", "run:failed")
            return
        state.error_message = message
        if mode == "skip":
            self._skip(slug, "handler_failed")
            self._release(slug)
            self._advance()
        else:
            self._cascade(slug, "handler_failed")
            self._complete_run()

    def stall(self, key: tuple[str, int]) -> None:
        """11: requeue_stalled_tasks, when the worker of one task has been silent for long."""
        task = self.tasks[key]
        if self.status != "started" or self.states[key[0]].status != "started":
            return
        if task.status == "started" and not task.is_given_up:
            if task.requeued < 3:
                task.status, task.requeued, task.due = "queued", task.requeued + 1, 0
            else:
                task.is_given_up, task.due = True, None

    def cancel(self) -> bool:
        """pgflowc.cancel_run."""
        if self.status != "started":
            return False
        active = [task for task in self.tasks.values() if task.status in ("queued", "started")]
        self._fail_run("run:failed")
        for task in active:
            task.error_message = "cancelled by postgres"
        return True

    def retry(self) -> bool:
        """pgflowc.retry_run."""
        if self.status != "failed":
            return False
        self.status = "started"
        self.events.append("run:started")
        for slug, state in self.states.items():
            if state.status not in ("started", "failed"):
                continue
            own = [task for (owner, _), task in self.tasks.items() if owner == slug]
            if own and state.status == "failed":
                self.events.append(f"step:{slug}:started")
            state.status = "started" if own else "created"
            state.error_message = None
            state.remaining_tasks = sum(task.status != "completed" for task in own) if own else None
        if self._resolve_conditions() and self._complete_taskless():
            for key, task in self.tasks.items():
                if task.status != "completed" and self.states[key[0]].status == "started":
                    self.tasks[key] = Task(due=0)
                    self.messages += 1
            self._start_ready()
            self._complete_run()
        return True

    # What follows

    def _advance(self) -> None:
        if self._resolve_conditions() and self._complete_taskless():
            self._start_ready()
            self._complete_run()

    def _resolve_conditions(self) -> bool:
        """10: cascade_resolve_conditions."""
        while self.status == "started":
            unmet = [
                slug for slug in self._ready() if self.steps[slug].has_condition and not self._is_met(slug)
            ]
            if not unmet:
                return True
            for slug in unmet:
                if self.steps[slug].options["when_unmet"] == "fail":
                    self.states[slug].status = "failed"
                    self.states[slug].error_message = "Condition not met"
                    self._fail_run(f"step:{slug}:failed", "run:failed")
                    return False
            for slug in unmet:
                if self.steps[slug].options["when_unmet"] == "skip":
                    self._skip(slug, "condition_unmet")
                    self._release(slug)
            for slug in unmet:
                if self.steps[slug].options["when_unmet"] == "skip-cascade":
                    self._cascade(slug, "condition_unmet")
        return self.status == "completed"

    def _complete_taskless(self) -> bool:
        """9: cascade_complete_taskless_steps, and the conditions of what it makes ready (end of 10)."""
        while taskless := [slug for slug in self._ready() if self.states[slug].initial_tasks == 0]:
            for slug in taskless:
                state = self.states[slug]
                state.status, state.remaining_tasks = "completed", 0
                state.output = [] if self.steps[slug].kind == "map" else None
                self.events.append(f"step:{slug}:completed")
                self._release(slug)
            if not self._resolve_conditions():
                return False
        return True

    def _start_ready(self) -> None:
        """9: start_ready_steps."""
        for slug in self._ready():
            state = self.states[slug]
            if state.initial_tasks:
                state.status, state.remaining_tasks = "started", state.initial_tasks
                self.events.append(f"step:{slug}:started")
                for index in range(state.initial_tasks):
                    self.tasks[slug, index] = Task(due=self.steps[slug].options["start_delay"] or 0)
                    self.messages += 1

    def _complete_run(self) -> None:
        """9: maybe_complete_run."""
        if self.remaining_steps == 0 and self.status == "started":
            self.status = "completed"
            self.events.append("run:completed")
            leaves = {
                slug: state.output
                for slug, state in self.states.items()
                if state.status == "completed" and not self._dependents(slug)
            }
            self.output = leaves or None

    def _fail_run(self, *events: str) -> None:
        self.status = "failed"
        self.events += events
        self._end_tasks(list(self.states), "cancelled")

    def _skip(self, slug: str, reason: str) -> None:
        state = self.states[slug]
        state.status, state.skip_reason, state.remaining_tasks = "skipped", reason, None
        self.events.append(f"step:{slug}:skipped")
        self._end_tasks([slug], "skipped")

    def _cascade(self, slug: str, reason: str) -> None:
        """10: _cascade_force_skip_steps."""
        downstream = {slug}
        for step in self.steps.values():
            if downstream.intersection(step.deps):
                downstream.add(step.slug)
        for one in self.steps:
            if one in downstream and self.states[one].status in ("created", "started"):
                self._skip(one, reason if one == slug else "dependency_skipped")

    def _release(self, slug: str) -> None:
        """Dependents of a step that was skipped plainly, or completed without tasks, wait for one less."""
        for dependent in self._dependents(slug):
            self.states[dependent].remaining_deps -= 1
            if self.steps[dependent].kind == "map":
                self.states[dependent].initial_tasks = 0

    def _end_tasks(self, slugs: list[str], status: str) -> None:
        for (owner, _), task in self.tasks.items():
            if owner in slugs and task.status in ("queued", "started"):
                task.status, task.due = status, None

    def _ready(self) -> list[str]:
        return [slug for slug, s in self.states.items() if s.status == "created" and s.remaining_deps == 0]

    def _dependents(self, slug: str) -> list[str]:
        return [step.slug for step in self.steps.values() if slug in step.deps]

    def feeds_a_map(self, slug: str) -> bool:
        return any(self.steps[dependent].kind == "map" for dependent in self._dependents(slug))

    def _outputs_of(self, slugs: tuple[str, ...]) -> dict[str, Any]:
        return {slug: self.states[slug].output for slug in slugs if self.states[slug].status == "completed"}

    def _is_met(self, slug: str) -> bool:
        step = self.steps[slug]
        subject = self._outputs_of(step.deps) if step.deps else self.input
        return (
            "required_input_pattern" not in step.options
            or contains(subject, step.options["required_input_pattern"])
        ) and not (
            "forbidden_input_pattern" in step.options
            and contains(subject, step.options["forbidden_input_pattern"])
        )


@st.composite
def flows(draw: Any) -> list[Step]:
    """Steps in order of definition: any DAG of up to seven, with conditions and all modes."""
    steps: list[Step] = []
    has_root_maps = draw(st.booleans())
    for number in range(draw(st.sampled_from(range(1, 9)))):
        earlier = [step.slug for step in steps]
        kind = draw(st.sampled_from(["single", "map"] if earlier or has_root_maps else ["single"]))
        deps: list[str] = []
        if earlier:
            least = 0 if kind == "single" or has_root_maps else 1
            most = 1 if kind == "map" else 3
            deps = draw(st.lists(st.sampled_from(earlier), min_size=least, max_size=most, unique=True))
        options: dict[str, Any] = {
            "max_attempts": draw(st.sampled_from([None, 1, 1])),
            "base_delay": draw(st.sampled_from(BASE_DELAYS)),
            "timeout": draw(st.sampled_from(TIMEOUTS)),
            "start_delay": draw(st.sampled_from(START_DELAYS)),
            "when_unmet": draw(st.sampled_from(["skip", *MODES])),
            "when_exhausted": draw(st.sampled_from(MODES)),
        }
        subject = st.dictionaries(st.sampled_from(deps), patterns, max_size=2) if deps else patterns
        for name in draw(st.sampled_from([(), (), ("required",), ("forbidden",), ("required", "forbidden")])):
            options[f"{name}_input_pattern"] = draw(subject)
        steps.append(Step(f"s{number}", tuple(deps), kind, options))
    return steps


patterns = st.sampled_from([{}, {"k": 1}, {"k": 2}])
arrays = st.sampled_from([[], [{"k": 1}], [1, None, "", False]])
anything = st.sampled_from([{"k": 1}, {"k": 2}, {}, None, 0, False, "", [1]])
OUTPUTS = [[], [{"k": 1}], [1, None], [1, None], {"k": 1}, {"k": 2}, {}, None, 0, False, ""]


def calls(model: Model, random: Random, number: int) -> Iterator[tuple[str, tuple[str, int]]]:
    """Calls on tasks of the run: mostly some that make sense, so that runs come far, but any in between."""
    for _ in range(number):
        if not model.tasks or (model.status == "completed" and random.random() < 0.3):
            return
        if model.status == "failed" and random.random() < 0.2:
            yield "retry", next(iter(model.tasks))
            continue
        active = sorted(key for key, task in model.tasks.items() if task.status in ("queued", "started"))
        key = random.choice(active or sorted(model.tasks))
        if random.random() < 0.15:
            key = random.choice(sorted(model.tasks))
            yield random.choice(["claim", "complete", "fail", "stall", "cancel", "retry"]), key
        elif model.tasks[key].status == "queued":
            yield "claim", key
        else:
            yield random.choice(["complete", "complete", "complete", "complete", "fail", "stall"]), key


class Database:
    """The run in the database, called and looked at."""

    def __init__(self, core: Any, steps: list[Step], input: Any) -> None:
        self.core, self.flow = core, f"model_{next(_numbers)}"
        core.create_flow(
            self.flow, max_attempts=FLOW_MAX_ATTEMPTS, base_delay=FLOW_BASE_DELAY, timeout=FLOW_TIMEOUT
        )
        for step in steps:
            options = {
                name: Jsonb(value) if name.endswith("pattern") else value
                for name, value in step.options.items()
            }
            core.add_step(self.flow, step.slug, step.deps, step_type=step.kind, **options)
        self.run_id = core.start(self.flow, input) if input is not None else None
        if input is None:
            self.run_id = core.value("select run_id from pgflow.start_flow(%s, %s)", self.flow, Jsonb(None))

    def record(self, key: tuple[str, int]) -> dict[str, Any]:
        return {"run_id": self.run_id, "step_slug": key[0], "task_index": key[1]}

    def claim(self, key: tuple[str, int]) -> list[tuple[Any, Any]]:
        message = self.core.task(self.run_id, *key)["message_id"]
        return [(row["input"], row["flow_input"]) for row in self.core.start_tasks(self.flow, [message])]

    def stall(self, key: tuple[str, int]) -> None:
        self.core.do(
            "update pgflow.step_tasks set started_at = started_at - interval '1 day',"
            " queued_at = queued_at - interval '1 day'"
            " where run_id = %s and step_slug = %s and task_index = %s and status = 'started'",
            self.run_id,
            *key,
        )
        self.core.do("select pgflow.requeue_stalled_tasks()")

    def check(self, model: Model) -> None:
        """All that is stored about the run is what the model says."""
        run = self.core.run(self.run_id)
        assert (run["status"], run["remaining_steps"], run["output"]) == (
            model.status,
            model.remaining_steps,
            model.output,
        )
        assert (run["completed_at"] is not None, run["failed_at"] is not None) == (
            model.status == "completed",
            model.status == "failed",
        )
        states = self.core.rows("select * from pgflow.step_states where run_id = %s", self.run_id)
        assert {
            row["step_slug"]: State(**{name: row[name] for name in State.__dataclass_fields__})
            for row in states
        } == model.states
        tasks = self.core.rows(
            "select t.*, extract(epoch from q.vt - clock_timestamp())::float as due from pgflow.step_tasks t"
            f" left join pgmq.q_{self.flow} q on q.msg_id = t.message_id where t.run_id = %s",
            self.run_id,
        )
        assert {(row["step_slug"], row["task_index"]): as_task(row) for row in tasks} == {
            key: (
                task.status,
                task.attempts,
                task.output,
                task.error_message,
                task.requeued,
                task.is_given_up,
            )
            for key, task in model.tasks.items()
        }
        for row in tasks:
            due = model.tasks[row["step_slug"], row["task_index"]].due
            assert (due is None) == (row["due"] is None), row
            assert due is None or due - TOLERANCE < row["due"] <= due, (row, due)
        waiting = sum(task.due is not None for task in model.tasks.values())
        assert len(self.core.queued_messages(self.flow)) == waiting
        assert len(self.core.archived_messages(self.flow)) == model.messages - waiting
        self.check_events(model)

    def check_events(self, model: Model) -> None:
        """13: each transition sends one event, and parents' come before their dependents'."""
        events = [event["event"] for event in self.core.events(self.run_id)]
        assert Counter(events) == Counter(model.events)
        for step in model.steps.values():
            for dep in step.deps:
                if f"step:{step.slug}:started" in events and events.count("run:started") == 1:
                    ended = {f"step:{dep}:completed", f"step:{dep}:skipped"}
                    assert ended.intersection(events[: events.index(f"step:{step.slug}:started")])


def as_task(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["status"],
        row["attempts_count"],
        row["output"],
        row["error_message"],
        row["requeued_count"],
        row["permanently_stalled_at"] is not None,
    )


def test_runs_are_as_the_contract_says(core) -> None:
    core.record_events()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(flows(), st.data())
    def compare(steps: list[Step], data: Any) -> None:
        wants_array = any(step.kind == "map" and not step.deps for step in steps)
        input = data.draw(arrays if wants_array else anything)
        random = Random(data.draw(st.integers(0, 2**32)))
        model = Model({step.slug: step for step in steps}, input)
        model.start()
        database = Database(core, steps, input)
        database.check(model)
        for call, key in calls(model, random, data.draw(st.integers(20, 60))):
            if call == "claim":
                claimed = model.claim(key)
                assert database.claim(key) == ([model.claimed_input(key)] if claimed else [])
            elif call == "complete":
                output = random.choice(
                    OUTPUTS[: 4 if model.feeds_a_map(key[0]) and random.random() < 0.9 else None]
                )
                model.complete(key, output)
                (row,) = core.complete(database.record(key), output)
                assert row == core.task(database.run_id, *key)
            elif call == "fail":
                message = f"error {random.random()}"
                model.fail(key, message)
                (row,) = core.fail(database.record(key), message)
                assert row == core.task(database.run_id, *key)
            elif call == "stall":
                model.stall(key)
                database.stall(key)
            else:
                expected = model.cancel() if call == "cancel" else model.retry()
                assert core.value(f"select pgflowc.{call}_run(%s)", database.run_id) is expected
            database.check(model)

    compare()
