"""Looks at the runs that are alive, in one statement, so that the runs of a flow are read once.

No index has the started runs alone: it would have to be written whenever a run ends, which is what workers do
all day. So the flow's runs are scanned, which the server does in parallel, and from there on everything goes
by run: the states of the few that are alive are found by their primary key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from pgflowc.plan.alive import AliveRuns, BrokenRuns
from pgflowc.plan.hazards import Hazard

# Ids of broken runs that are named: enough to look at one.
_MOST_NAMED = 5
QUERY = """
with alive as materialized (
  select r.flow_slug, r.run_id, r.started_at
  from pgflow.runs r
  where r.flow_slug = any (%(slugs)s) and r.status = 'started'
),
states as materialized (
  select a.flow_slug, a.run_id, a.started_at, s.step_slug, s.status, s.remaining_deps
  from alive a
  cross join lateral (
    select i.step_slug, i.status, i.remaining_deps
    from pgflow.step_states i
    where i.run_id = a.run_id and i.status in ('created', 'started')
    offset 0 -- run by run, however wrong the statistics: no plan reads the states of all runs
  ) s
),
hazards as materialized (
  select h.flow, h.place, h.step, h.statuses
  from jsonb_to_recordset(%(hazards)s::jsonb) h (flow text, place integer, step text, statuses text[])
),
broken as materialized (
  select h.flow, h.place, s.run_id, s.started_at
  from hazards h
  join states s on s.flow_slug = h.flow and s.step_slug = h.step and s.status = any (h.statuses)
  union all
  select h.flow, h.place, a.run_id, a.started_at
  from hazards h
  join alive a on a.flow_slug = h.flow
  where h.step is null
)
select 'flow', flow_slug, null::text, count(*), min(started_at), clock_timestamp(), null::text[]
from alive group by flow_slug
union all
select 'step', flow_slug, step_slug, count(*), null, null, null
from states where status = 'started' or remaining_deps = 0 group by flow_slug, step_slug
union all
select 'broken', flow, place::text, count(*), null, null,
       (array_agg(run_id::text order by started_at, run_id))[:%(most)s::integer]
from broken group by flow, place
union all
select 'any', flow, null, count(distinct run_id), null, null, null
from broken group by flow
"""


def values_of(hazards: Mapping[str, Sequence[Hazard]]) -> dict[str, object]:
    """What `QUERY` is given for these hazards, by slug of the stored flow."""
    asked = [
        {"flow": slug, "place": one.place, "step": one.step, "statuses": list(one.statuses)}
        for slug, listed in hazards.items()
        for one in listed
    ]
    return {"slugs": list(hazards), "hazards": json.dumps(asked), "most": _MOST_NAMED}


def read_alive_runs(
    connection: psycopg.Connection, hazards: Mapping[str, Sequence[Hazard]]
) -> dict[str, AliveRuns]:
    """The alive runs of these stored flows (by slug), and which of them each hazard breaks; reads only.

    Flows without one are there, too, with a count of 0. Raises psycopg.Error as statements do.
    """
    found: dict[str, dict[str, Any]] = {slug: {"count": 0, "steps": {}, "broken": {}} for slug in hazards}
    for what, slug, name, count, oldest, now, examples in connection.execute(QUERY, values_of(hazards)):
        flow = found[slug]
        match what:
            case "flow":
                flow.update(count=count, oldest=oldest, now=now)
            case "step":
                flow["steps"][name] = count
            case "broken":
                flow["broken"][int(name)] = BrokenRuns(count, tuple(examples))
            case _:
                flow["broken_by_any"] = count
    return {slug: AliveRuns(**kept) for slug, kept in found.items()}
