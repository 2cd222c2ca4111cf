"""Where a worker process finds its settings: arguments, then PGFLOWC_*, then pgflowc.toml, then defaults.

Every value that cannot be used is reported, each with the place that it comes from.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pgflowc_language.words import did_you_mean
from pgflowc_runtime.config import ProcessConfig
from pgflowc_runtime.errors import ConfigurationError

FILE = "pgflowc.toml"
TABLE = "worker"
# What a list has in it, by the setting: as a command line shows it, and in words.
_LISTS = {"flows": ("SLUG", "flow slugs"), "patterns": ("GLOB=MODULE", "texts such as acct_*_sync=shop.sync")}
_PREFIX = "PGFLOWC_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as a command line and a page of documentation show it."""

    name: str
    description: str
    default: str
    values: str  # what it takes: `N`, `on|off`, `notify|polling`

    @property
    def option(self) -> str:
        """`--max-concurrency`; a list is given one by one, by `--flow`."""
        return "--" + (self.name.removesuffix("s") if self.kind == "many" else self.name.replace("_", "-"))

    @property
    def variable(self) -> str:
        """`PGFLOWC_MAX_CONCURRENCY`."""
        return _PREFIX + self.name.upper()

    @property
    def kind(self) -> Literal["one", "flag", "many"]:
        """How a command line takes it."""
        return "many" if self.name in _LISTS else "flag" if self.values == "on|off" else "one"

    @property
    def help(self) -> str:
        """The description, with the default if that does not say it."""
        return (
            f"{self.description.rstrip('.')} (default: {self.default})." if self.default else self.description
        )


@dataclass(frozen=True, slots=True)
class _Given:
    value: Any
    source: str  # `PGFLOWC_MAX_CONCURRENCY=abc`


def settings() -> tuple[Setting, ...]:
    """Every setting, in the order of the model."""
    return tuple(_setting(name, field) for name, field in ProcessConfig.model_fields.items())


def resolve(
    arguments: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    file: Path | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> ProcessConfig:
    """The settings of a process. `arguments` are by field name, None and empty lists meaning not given;
    `file` is a pgflowc.toml, which may be absent.

    Raises ConfigurationError that names every value that cannot be used, and where it comes from.
    """
    fields = ProcessConfig.model_fields
    faults: list[str] = []
    helps: list[str] = []
    given: dict[str, _Given] = {}
    for name, value in _table(file).items():
        shown = f"{FILE} [{TABLE}] {name}"
        if name in fields:
            given[name] = _Given(value, f"{shown} = {_toml(value)}")
        else:
            faults.append(f"{shown}: there is no such setting")
            helps.append(did_you_mean(name, fields) or f"the settings are {', '.join(fields)}")
    for setting in settings():
        if text := environment.get(setting.variable):
            value = [part.strip() for part in text.split(",")] if setting.kind == "many" else text
            given[setting.name] = _Given(value, f"{setting.variable}={text}")
        argument = arguments.get(setting.name)
        if argument is not None and argument != []:
            shown = " ".join(argument) if isinstance(argument, list) else argument
            source = setting.option if setting.kind == "flag" else f"{setting.option} {shown}"
            given[setting.name] = _Given(argument, source)
    for name, entry in given.items():
        fault = _fault(name, entry.value)
        if fault:
            faults.append(f"{entry.source}: {fault}")
    if not faults:
        values = {**(defaults or {}), **{name: entry.value for name, entry in given.items()}}
        try:
            return ProcessConfig(**values)
        except ValidationError as error:
            faults.append(f"{_between(given)}: {error.errors()[0]['msg'].removeprefix('Value error, ')}")
    raise ConfigurationError(
        "; ".join(faults), help=helps[0] if helps else "docs/worker.md lists the settings"
    )


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """What to say about variables that nobody reads and whose name is almost that of a setting."""
    variables = [setting.variable for setting in settings()]
    said = []
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in variables and name != "PGFLOWC_DSN":
            near = get_close_matches(name, variables, n=1, cutoff=0.8)
            if near:
                said.append(f"{name} means nothing: did you mean {near[0]}?")
    return said


def _table(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get(TABLE, {})
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}") from None
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{FILE} {TABLE} = {_toml(table)}: must be a table", help=f"write [{TABLE}] above the settings"
        )
    return table


def _fault(name: str, value: Any) -> str | None:
    """Why the value cannot be that setting's, other settings aside; None if it can."""
    field = ProcessConfig.model_fields[name]
    # The field alone, since a model would stop at the first fault that concerns several.
    alone: TypeAdapter[Any] = TypeAdapter(
        Annotated[(field.annotation, *field.metadata, name)],  # type: ignore[arg-type]
        config=ConfigDict(allow_inf_nan=False),
    )
    try:
        alone.validate_python(value)
    except ValidationError:
        return f"must be {_expected(name, field)}"
    # Python's True is a 1.
    means_nothing = isinstance(value, bool) and _kind(field) is not bool
    return f"must be {_expected(name, field)}" if means_nothing else None


def _between(given: Mapping[str, _Given]) -> str:
    places = [given[name].source for name in ("min_poll_interval", "max_poll_interval") if name in given]
    return ", ".join(places) or "the settings"


def _expected(name: str, field: FieldInfo) -> str:
    """`a whole number from 1 to 10,000`."""
    kind = _kind(field)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind is str:
        longest = next((bound.max_length for bound in field.metadata if isinstance(bound, MaxLen)), None)
        return f"a text of 1 to {longest} characters" if longest else "a text that is not empty"
    if kind not in (int, float):
        return f"a list of {_LISTS[name][1]}"
    what = "a whole number" if kind is int else "a number"
    lowest = next((_bound(bound) for bound in field.metadata if isinstance(bound, Ge | Gt)), None)
    highest = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    return f"{what} from {lowest:,} to {highest:,}"


def _bound(bound: Ge | Gt) -> Any:
    return bound.ge if isinstance(bound, Ge) else int(str(bound.gt)) + 1


def _kind(field: FieldInfo) -> Any:
    """The annotation without `| None`."""
    annotation = field.annotation
    options = [option for option in get_args(annotation) if option is not type(None)]
    if get_origin(annotation) is Literal or type(None) not in get_args(annotation):
        return annotation
    return options[0]


def _setting(name: str, field: FieldInfo) -> Setting:
    kind = _kind(field)
    if get_origin(kind) is Literal:
        values = "|".join(get_args(kind))
    elif kind is bool:
        values = "on|off"
    elif kind is str:
        values = "ADDRESS" if name.endswith("host") else "NAME"
    elif kind in (int, float):
        unit = (field.description or "").split()[0]
        values = {"Milliseconds": "MS", "Seconds": "S", "Bytes": "BYTES", "Port": "PORT"}.get(unit, "N")
    else:
        values = _LISTS[name][0]
    return Setting(name, field.description or "", _shown(field.default), values)


def _shown(default: Any) -> str:
    if default is None or default is False or default == ():
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
