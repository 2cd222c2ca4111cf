"""The batch functions leave the database as the contract's functions do, called one by one.

Random flows, random outcomes. Two flows of the same definition get the same inputs. One goes through
start_flow_batch, claim_batch and finish_batch, the other through start_flow, pgmq.read with start_tasks,
complete_task and fail_task, in the order that finish_batch promises. After every step the rows of both are
the same but for ids and times.

PGFLOWC_EQUIVALENCE_EXAMPLES=1000 looks longer.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

EXAMPLES = int(os.environ.get("PGFLOWC_EQUIVALENCE_EXAMPLES", "60"))
MODES = ["fail", "skip", "skip-cascade"]
# Far enough apart to tell which one set a message's visibility.
BASE_DELAYS, TIMEOUTS, START_DELAYS = [100, 300], [1000, 2000], [None, None, 5000]
_numbers = count(1)

REALTIME = """
create schema realtime;
create table realtime.messages (
  id bigint generated always as identity, payload jsonb, event text, topic text
);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as $$
  insert into realtime.messages (payload, event, topic) values (payload, event, topic)
$$;
"""


@dataclass(frozen=True)
class Step:
    slug: str
    deps: tuple[str, ...]
    kind: str
    options: dict[str, Any]


@st.composite
def flows(draw: Any) -> list[Step]:
    """Steps in order of definition: any DAG of up to seven, with conditions and all modes."""
    steps: list[Step] = []
    conditions = draw(st.booleans())
    for number in range(draw(st.integers(1, 7))):
        earlier = [step.slug for step in steps]
        kind = draw(st.sampled_from(["single", "single", "map"]))
        deps = (
            draw(st.lists(st.sampled_from(earlier), max_size=1 if kind == "map" else 3, unique=True))
            if earlier
            else []
        )
        options: dict[str, Any] = {
            "max_attempts": draw(st.sampled_from([1, 1, 2])),
            "base_delay": draw(st.sampled_from([None, *BASE_DELAYS])),
            "timeout": draw(st.sampled_from([None, *TIMEOUTS])),
            "start_delay": draw(st.sampled_from(START_DELAYS)),
            "when_exhausted": draw(st.sampled_from(MODES)),
        }
        if conditions and draw(st.booleans()):
            subject = {dep: {"x": 1} for dep in deps} if deps else {"x": 1}
            pattern = draw(st.sampled_from([{}, subject, dict(list(subject.items())[:1])]))
            options[draw(st.sampled_from(["required_input_pattern", "forbidden_input_pattern"]))] = pattern
            options["when_unmet"] = draw(st.sampled_from(MODES))
        steps.append(Step(f"s{number}", tuple(deps), kind, options))
    return steps


def define(fast: Any, slug: str, steps: list[Step]) -> None:
    fast.flow(slug, max_attempts=1, base_delay=200, timeout=3000)
    for step in steps:
        fast.step(slug, step.slug, step.deps, step_type=step.kind, **step.options)


def values(steps: list[Step], step: Step | None) -> st.SearchStrategy[Any]:
    """Outputs of a step, or inputs of the flow: mostly arrays where a map waits for one, else anything."""
    fed = step is None and any(s.kind == "map" and not s.deps for s in steps)
    feeds = (
        step is not None
        and step.kind == "single"
        and any(s.kind == "map" and s.deps == (step.slug,) for s in steps)
    )
    arrays = st.sampled_from([[], [{"x": 1}], [1, None, "", False]])
    anything = st.sampled_from([{"x": 1}, {"x": 2}, {}, None, 0, False, "", [1]])
    if fed:
        return arrays
    return st.one_of(arrays, arrays, arrays, anything) if feeds else anything


class Pair:
    """The two flows, and the runs of each by their number."""

    def __init__(self, fast: Any, steps: list[Step]) -> None:
        self.fast = fast
        self.steps = {step.slug: step for step in steps}
        number = next(_numbers)
        self.batch, self.single = f"batch_{number}", f"single_{number}"
        define(fast, self.batch, steps)
        define(fast, self.single, steps)
        self.runs: dict[str, list[Any]] = {}

    def start(self, inputs: list[Any]) -> None:
        self.runs[self.batch] = self.fast.start(self.batch, *inputs)
        self.runs[self.single] = [
            self.fast.value("select run_id from pgflow.start_flow(%s, %s)", self.single, Jsonb(value))
            for value in inputs
        ]

    def key(self, flow: str, task: dict[str, Any]) -> tuple[int, str, int]:
        return self.runs[flow].index(task["run_id"]), task["step_slug"], task["task_index"]

    def claim(self) -> dict[tuple[int, str, int], dict[str, Any]]:
        """Claim whatever is visible, both ways; the tasks of the batch flow by key."""
        fast = self.fast
        one = {self.key(self.batch, task): task for task in fast.claim(self.batch, 1000)}
        ids = fast.column("select msg_id from pgmq.read(%s, 5, 1000)", self.single)
        two = self.start_tasks(ids)
        assert inputs_of(one) == inputs_of(two)
        return one

    def start_tasks(self, ids: list[int]) -> dict[tuple[int, str, int], dict[str, Any]]:
        rows = self.fast.rows(
            "select * from pgflow.start_tasks(%s, %s::bigint[], %s)", self.single, ids, self.fast.worker
        )
        return {self.key(self.single, task): task for task in rows}

    def in_promised_order(self, outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Per run: the first failure that fails it, retries, then step by step, successes before failures."""
        first: dict[tuple[Any, str], int] = {}
        for n, outcome in enumerate(outcomes):
            first.setdefault((outcome["task"]["run_id"], outcome["task"]["step_slug"]), n)

        def rank(item: tuple[int, dict[str, Any]]) -> tuple[int, ...]:
            n, outcome = item
            task = outcome["task"]
            step = self.steps[task["step_slug"]]
            if "error" not in outcome:
                feeds = [s for s in self.steps.values() if s.kind == "map" and s.deps == (step.slug,)]
                if feeds and step.kind == "single" and not isinstance(outcome["output"], list):
                    return (0, n)
                return (2, first[task["run_id"], step.slug], 0, n)
            if not outcome["permanent"] and task["attempts_count"] < step.options["max_attempts"]:
                return (1, n)
            if step.options["when_exhausted"] == "fail":
                return (0, n)
            return (2, first[task["run_id"], step.slug], 1, n)

        return [outcome for _, outcome in sorted(enumerate(outcomes), key=rank)]

    def finish(
        self, outcomes: list[dict[str, Any]], claim: int
    ) -> dict[tuple[int, str, int], dict[str, Any]]:
        fast = self.fast
        rows = fast.finish(self.batch, *outcomes, claim=claim)
        for outcome in self.in_promised_order(outcomes):
            run, step, index = self.key(self.batch, outcome["task"])
            task = {"run_id": self.runs[self.single][run], "step_slug": step, "task_index": index}
            if "error" not in outcome:
                fast.complete_task(task, outcome["output"])
                continue
            self.fail_singly(task, outcome)

        claimed = {self.key(self.batch, row): row for row in rows if row["outcome"] == "claimed"}
        assert len(claimed) <= claim
        if claimed:
            ids = [
                m["msg_id"] for m in fast.messages(self.single) if self.message_key(self.single, m) in claimed
            ]
            fast.do(
                f"update pgmq.q_{self.single} set read_ct = read_ct + 1, last_read_at = now()"
                " where msg_id = any(%s)",
                ids,
            )
            two = self.start_tasks(ids)
            assert inputs_of(two) == inputs_of(claimed)
        return claimed

    def fail_singly(self, task: dict[str, Any], outcome: dict[str, Any]) -> None:
        """fail_task; a permanent failure, which it does not know, is one of a task without attempts left."""
        attempts = (
            "update pgflow.step_tasks set attempts_count = %s"
            " where run_id = %s and step_slug = %s and task_index = %s"
        )
        before = self.fast.task(*task.values())
        if outcome["permanent"] and before["status"] == "started":
            self.fast.do(attempts, 100, *task.values())
            self.fast.fail_task(task, outcome["error"])
            self.fast.do(attempts, before["attempts_count"], *task.values())
        else:
            self.fast.fail_task(task, outcome["error"])

    def message_key(self, flow: str, message: dict[str, Any]) -> tuple[int, str, int]:
        body = message["message"]
        runs = [str(run_id) for run_id in self.runs[flow]]
        return runs.index(body["run_id"]), body["step_slug"], body["task_index"]

    def picture(self, flow: str) -> dict[str, Any]:
        """Everything the database knows of a flow's runs, without ids and times."""
        fast, runs = self.fast, self.runs[flow]

        def rows(query: str) -> list[Any]:
            found = []
            for row in fast.rows(query, runs):
                number = runs.index(row.pop("run_id"))
                row.pop("flow_slug", None)
                found.append((number, tuple(sorted((k, repr(plain(k, v))) for k, v in row.items()))))
            return sorted(found)

        def messages(prefix: str) -> Any:
            return sorted(
                (
                    *self.message_key(flow, m),
                    m["read_ct"],
                    m["last_read_at"] is None,
                    # Archived messages keep the time they had.
                    round(m["due"] / 50) if prefix == "q" else None,
                )
                for m in fast.messages(flow, prefix)
            )

        events = fast.rows(
            "select split_part(topic, ':', 3)::uuid as run_id, event, payload from realtime.messages"
            " where split_part(topic, ':', 3)::uuid = any(%s) order by id",
            runs,
        )
        return {
            "runs": rows("select * from pgflow.runs where run_id = any(%s)"),
            "steps": rows("select * from pgflow.step_states where run_id = any(%s)"),
            "tasks": rows("select * from pgflow.step_tasks where run_id = any(%s)"),
            "chunks": rows("select * from pgflow.map_chunks where run_id = any(%s)"),
            "queue": messages("q"),
            "archive": messages("a"),
            "events": Counter(
                (
                    runs.index(e["run_id"]),
                    e["event"],
                    repr(sorted((k, repr(plain(k, v))) for k, v in e["payload"].items())),
                )
                for e in events
            ),
        }

    def compare(self) -> None:
        batch, single = self.picture(self.batch), self.picture(self.single)
        for part, found in batch.items():
            assert found == single[part], part


def inputs_of(tasks: dict[Any, dict[str, Any]]) -> dict[Any, Any]:
    return {key: (task["input"], task["flow_input"]) for key, task in tasks.items()}


def plain(name: str, value: Any) -> Any:
    """Without what differs by nature: times and ids become whether they are set."""
    if name.endswith("_at") or name in {"message_id", "run_id", "flow_slug"}:
        return value is not None
    return value


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(data=st.data())
def test_batches_do_what_single_calls_do(fast: Any, ok: Any, failed: Any, data: st.DataObject) -> None:
    if not fast.value("select to_regclass('realtime.messages') is not null"):
        fast.do(REALTIME)
    steps = data.draw(flows(), "steps")
    pair = Pair(fast, steps)
    pair.start(data.draw(st.lists(values(steps, None), min_size=1, max_size=4), "inputs"))
    pair.compare()

    held: dict[Any, Any] = {}
    for _ in range(12):
        for flow in (pair.batch, pair.single):
            fast.make_visible(flow)
        held |= pair.claim()
        pair.compare()
        if not held:
            break
        batch = []
        for key in data.draw(st.lists(st.sampled_from(sorted(held)), min_size=1, unique=True), "batch"):
            task = held.pop(key)
            if data.draw(st.sampled_from([True, True, True, False]), f"{key} succeeds"):
                batch.append(ok(task, data.draw(values(steps, pair.steps[task["step_slug"]]), "output")))
            else:
                batch.append(failed(task, permanent=data.draw(st.booleans(), "permanent")))
        held |= pair.finish(batch, claim=data.draw(st.sampled_from([0, 0, 2, 50]), "claim"))
        pair.compare()
