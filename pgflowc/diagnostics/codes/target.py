"""6xx: what the target database, as pgflowc.toml describes it, cannot do."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

TIMEZONE = Code(
    "PGF601",
    Severity.ERROR,
    "a time zone that pg_cron cannot keep",
    cause="pg_cron keeps all schedules of a server in one time zone, that of the setting cron.timezone, "
    "which is GMT unless somebody changed it. A schedule in another zone would come at the wrong hour, or "
    "at the right one for only half of the year.",
    example='# pgflowc.toml\n[target]\ncron = "pg_cron"\n\n# flows/report.yaml\nflow: report\n'
    "cron: {schedule: '0 9 * * *', timezone: Europe/Berlin}\nsteps: {build: {}}",
    cure="Write the schedule in UTC, or let workers start the runs: they know all time zones. In "
    'pgflowc.toml: cron = "worker" under [target].',
)
SCHEDULE = Code(
    "PGF602",
    Severity.ERROR,
    "a schedule that pg_cron does not understand",
    cause="A worker's scheduler knows more than pg_cron: L for the last day of the month, fri#2 for the "
    "second Friday, L5 for the last one, ranges that pass the end such as sat-mon, and steps from a number "
    "on such as 5/15. And where days of the month stand beside days of the week, and one of them has a star "
    "(0 9 */2 * mon), it starts a run only when both fit, not when either does.",
    example='# pgflowc.toml\n[target]\ncron = "pg_cron"\n\n# flows/report.yaml\nflow: report\n'
    "cron: '0 9 L * *'\nsteps: {build: {}}",
    cure="Write it with *, */n, ranges and lists: sat,sun,mon for sat-mon. Or let workers start the runs: "
    'cron = "worker" under [target] in pgflowc.toml.',
)
OPTION = Code(
    "PGF603",
    Severity.ERROR,
    "an option of a schedule that pg_cron does not have",
    cause="pg_cron starts a run at each time of its schedule, and nothing else: it does not make up for "
    "times at which the server was down, and does not look whether the run before is over. `catch_up` and "
    "`overlap` are kept by the workers' scheduler.",
    example='# pgflowc.toml\n[target]\ncron = "pg_cron"\n\n# flows/report.yaml\nflow: report\n'
    "cron: {schedule: '0 9 * * *', overlap: skip}\nsteps: {build: {}}",
    cure='Leave them out, or let workers start the runs. In pgflowc.toml: cron = "worker" under [target].',
)
