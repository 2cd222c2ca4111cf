"""7xx: changes that break something, found by `pgflowc breaking`: each code is a rule with a name."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

FLOW_NO_DELETE = Code(
    "PGF701",
    Severity.ERROR,
    "FLOW_NO_DELETE: a flow is gone",
    cause="Whoever starts runs of the flow or imports its types finds nothing any more, and its runs that "
    "are alive have no handlers.",
    example="$ git rm flows/order.yaml && pgflowc breaking --against git:main",
    cure="Stop what starts runs of it, let those that are alive end, and then delete the spec.",
)
STEP_NO_DELETE = Code(
    "PGF702",
    Severity.ERROR,
    "STEP_NO_DELETE: a step is gone, or has another name",
    cause="Its handler and types are gone, messages in the queue name a step that nobody executes, and runs "
    "that have not passed it cannot go on.",
    example="steps:\n  check: {}   # on main there is `charge`, too",
    cure="Keep the step until no run needs it. With `on_change: version` runs that are alive finish on the "
    "former definition; the handlers still have to be edited.",
)
STEP_NO_REORDER = Code(
    "PGF703",
    Severity.ERROR,
    "STEP_NO_REORDER: the steps come in another order",
    cause="The other projects of the family compare a flow with the stored one step by step, in the order of "
    "the definition, and take another order for another flow. Lists and events have this order, too.",
    example="steps:\n  charge: {}   # on main `check` comes first\n  check: {}",
    cure="Write the steps in the order that they had, new ones last. If only pgflowc's workers serve the "
    'flow: except = ["STEP_NO_REORDER"] under [breaking] in pgflowc.toml.',
)
DEPENDENCIES_SAME = Code(
    "PGF704",
    Severity.ERROR,
    "DEPENDENCIES_SAME: a step waits for other steps",
    cause="The handler gets other outputs, so its `deps` have other fields. Runs that are alive have the "
    "former dependencies, and may lack what the step would wait for.",
    example="charge: {depends_on: [check, stock]}   # on main: [check]",
    cure="Add a new step instead, which runs that are alive go on without. With `on_change: version` they "
    "finish on the former definition; the handler still has to be edited.",
)
TYPE_SAME = Code(
    "PGF705",
    Severity.ERROR,
    "TYPE_SAME: a single step is a map or an approval now, or the other way round",
    cause="The handler gets one element in place of the whole, or the whole in place of one element, and "
    "what other steps get of it is an array or no longer one. An approval has no handler at all. Runs that "
    "are alive have begun as the former.",
    example="pack: {map: list}   # on main: pack: {depends_on: [list]}",
    cure="Give the changed step another name, beside the former one, or let runs finish on the former "
    "definition: `on_change: version`.",
)
MAP_SOURCE_SAME = Code(
    "PGF706",
    Severity.ERROR,
    "MAP_SOURCE_SAME: a map goes over another array",
    cause="The handler gets elements of another kind, and runs that are alive may lack the new source.",
    example="pack: {map: reserved}   # on main: {map: list}",
    cure="Give the changed step another name, or let runs finish on the former definition: "
    "`on_change: version`.",
)
INPUT_FIELD_NO_DELETE = Code(
    "PGF707",
    Severity.ERROR,
    "INPUT_FIELD_NO_DELETE: a field of the input is gone",
    cause="Code that starts runs passes a field that its type no longer has, and handlers that read it fail.",
    example="input: {id: int}   # on main: {id: int, note: str}",
    cure="Keep the field, optional where nobody should pass it any more: `note: str | null`.",
)
INPUT_FIELD_NO_NEW_REQUIRED = Code(
    "PGF708",
    Severity.ERROR,
    "INPUT_FIELD_NO_NEW_REQUIRED: a field of the input must be there now",
    cause="Code that starts runs does not pass it yet, and the inputs of runs that were started before lack "
    "it: their handlers refuse them.",
    example="input: {id: int, shop: str}   # on main: {id: int}",
    cure="Make it optional, `shop: str | null`, and let handlers do without.",
)
INPUT_FIELD_SAME_TYPE = Code(
    "PGF709",
    Severity.ERROR,
    "INPUT_FIELD_SAME_TYPE: the input, or a field of it, has another type",
    cause="Code that starts runs and handlers are written for the former type. Where the new type does not "
    "admit all values of the former one, inputs that are stored no longer fit.",
    example="input: {id: str}   # on main: {id: int}",
    cure="Add a field of the new type under another name, and keep the former one as long as runs have it.",
)
OUTPUT_FIELD_NO_DELETE = Code(
    "PGF710",
    Severity.ERROR,
    "OUTPUT_FIELD_NO_DELETE: a field of an output is gone",
    cause="Steps that read it from their dependencies fail, and so does code that reads outputs of runs.",
    example="output: {ok: bool}   # on main: {ok: bool, total: int}",
    cure="Keep the field, optional where it is no longer produced: `total: int | null`.",
)
OUTPUT_FIELD_NO_NEW_REQUIRED = Code(
    "PGF711",
    Severity.ERROR,
    "OUTPUT_FIELD_NO_NEW_REQUIRED: a field of an output must be there now",
    cause="The handler does not return it yet, and outputs that are stored lack it: steps of runs that are "
    "alive refuse them.",
    example="output: {ok: bool, total: int}   # on main: {ok: bool}",
    cure="Make it optional, `total: int | null`, and let the steps after it do without.",
)
OUTPUT_FIELD_SAME_TYPE = Code(
    "PGF712",
    Severity.ERROR,
    "OUTPUT_FIELD_SAME_TYPE: an output, or a field of it, has another type",
    cause="The handler and the steps after it are written for the former type. Where the new type does not "
    "admit all values of the former one, outputs that are stored no longer fit.",
    example="output: {total: str}   # on main: {total: int}",
    cure="Add a field of the new type under another name, and keep the former one as long as steps read it.",
)
CONDITION_SAME = Code(
    "PGF713",
    Severity.ERROR,
    "CONDITION_SAME: a step runs under other conditions",
    cause="Runs that are alive and have not reached the step would skip it, or run it, though they began "
    "under other rules.",
    example="charge: {if: {check: {ok: true}}}   # on main without a condition",
    cure="Let runs finish on the former definition: `on_change: version`. Or drain the flow first: "
    "`on_change: drain`.",
)
TIMEOUT_NO_SHRINK = Code(
    "PGF714",
    Severity.ERROR,
    "TIMEOUT_NO_SHRINK: a step has less time",
    cause="The new timeout counts from the next attempt on, in runs that are alive, too: work that used to "
    "succeed is stopped.",
    example="charge: {timeout: 30}   # on main: 60",
    cure="Keep the longer timeout, or say why the shorter one is enough: "
    "`timeout: 30  # pgflowc: ignore[PGF714] takes 2 s at most`.",
)
SCHEDULE_SAME = Code(
    "PGF715",
    Severity.ERROR,
    "SCHEDULE_SAME: runs start by themselves at other times, or with another input",
    cause="What relies on a run at that time, a report for example, does not find it.",
    example='cron: "@weekly"   # on main: "@daily"',
    cure="Tell who relies on it. Where nobody does: "
    '`cron: "@weekly"  # pgflowc: ignore[PGF715] nobody reads the daily one`.',
)
KIND_SAME = Code(
    "PGF716",
    Severity.ERROR,
    "KIND_SAME: a flow is a job now, or the other way round",
    cause="Lists and dashboards tell flows from jobs, and the generated code of both is not the same.",
    example="job: mail   # on main: flow: mail",
    cure="Give the new one another name, and delete the former one when its runs have ended.",
)
NOT_JUDGED = Code(
    "PGF717",
    Severity.WARNING,
    "what the other side does not say could not be judged",
    cause="A database holds no payload types at all, and pgflowc.lock only fingerprints of them: whether a "
    "type is the same, not what it was.",
    example="$ pgflowc breaking --against db",
    cure="Compare with a commit as well, which has the specs: pgflowc breaking --against git:main.",
)
