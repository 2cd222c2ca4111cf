"""How fast the compiler is, as whole processes on one core.

    python benchmarks/compile.py            medians of 5, a few minutes
    python benchmarks/compile.py --quick    small projects, one round, to see that it works
    python benchmarks/compile.py --stages   also where the time of a cold compile goes

Writes projects of N flows of 10 steps with types, and one flow of many steps, to a temporary directory.
Times are wall times of processes bound to one core, memory is the largest resident set. The first line,
importing two libraries that every command needs, says what the machine can do: compare ratios rather than
figures between machines.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import os
import pstats
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: a full measurement or a smoke run."""

    rounds: int
    flows: int
    growth: Sequence[int]
    steps: int
    faults: int


# A function of a profile: file, line and name.
_Function = tuple[str, int, str]
# How far libraries call each other, and then some.
_DEEPEST = 30

FULL = Scale(rounds=5, flows=1000, growth=(1000, 2000, 5000), steps=5000, faults=20_000)
QUICK = Scale(rounds=1, flows=20, growth=(20, 40), steps=100, faults=200)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took: wall time in seconds, and its largest resident set in MB."""

    seconds: float
    megabytes: float


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small projects, one round")
    parser.add_argument("--stages", action="store_true", help="profile a cold compile by stage")
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    print(f"Python {sys.version.split()[0]}, one core, medians of {scale.rounds}\n")
    print("|  | wall | over the imports | memory | goal |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="pgflowc-bench-") as directory:
        # Installed packages have byte code; a checkout has none where the environment forbids to write it.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(directory) / "bytecode")
        _commands(Path(directory), scale)
        _large(Path(directory), scale)
        _growth(Path(directory), scale)
        _faults(Path(directory), scale)
        if options.stages:
            _stages(Path(directory), scale)


def _commands(directory: Path, scale: Scale) -> None:
    base = _median(scale, lambda: _run([sys.executable, "-c", "import typer, pydantic"], directory))
    _row("python -c 'import typer, pydantic'", base, base, "")
    _row("pgflowc --help", _median(scale, lambda: _pgflowc(directory, "--help")), base, "0.150 s")
    _project(one := directory / "one", 1)
    _row("validate one file", _median(scale, lambda: _pgflowc(one, "validate")), base, "0.350 s")
    _row("compile one file, nothing changed", _median(scale, lambda: _compiled_again(one)), base, "")


def _large(directory: Path, scale: Scale) -> None:
    title = f"{scale.flows:,} flows ({scale.flows * 10:,} steps)"
    _project(many := directory / "many", scale.flows)
    _row(f"{title}: validate", _median(scale, lambda: _pgflowc(many, "validate")), None, "")
    _row(f"{title}: compile, cold", _median(scale, lambda: _cold(many)), None, "6 s")
    _row(f"{title}: compile, nothing changed", _median(scale, lambda: _compiled_again(many)), None, "1.5 s")
    _long_flow(single := directory / "single", scale.steps)
    _row(
        f"one flow of {scale.steps:,} steps: compile, cold",
        _median(scale, lambda: _cold(single)),
        None,
        "5 s",
    )


def _growth(directory: Path, scale: Scale) -> None:
    """Whether time and memory grow in proportion to the flows."""
    costs = []
    for flows in scale.growth:
        _project(project := directory / f"growth{flows}", flows)
        costs.append((_cold(project), _compiled_again(project)))
        shutil.rmtree(project)
    for flows, (cold, again) in zip(scale.growth, costs, strict=True):
        each = cold.seconds / flows / (costs[0][0].seconds / scale.growth[0])
        _row(f"{flows:,} flows, cold: {each:.2f} of the first one's time a flow", cold, None, "1.00")
        _row(f"{flows:,} flows, nothing changed", again, None, "")


def _faults(directory: Path, scale: Scale) -> None:
    """How long people wait for findings when everything is wrong."""
    number = scale.faults
    slips = "".join(f"  step_{n}: {{depends_on: [stap_{n}]}}\n" for n in range(number))
    conditions = "".join(
        f"  step_{n}: {{depends_on: [first], if: {{first: {{b: 1}}}}}}\n" for n in range(number)
    )
    line = ", ".join(f"step_{n}_{'x' * 30}: {{timout: 5}}" for n in range(number))
    files = {
        f"one file, {number:,} unknown dependencies": {"f": f"flow: f\nsteps:\n{slips}"},
        f"one file, {number:,} conditions that are never met": {
            "f": f"flow: f\nsteps:\n  first: {{output: {{a: int}}}}\n{conditions}"
        },
        f"one line with {number:,} unknown keys": {"f": f"flow: f\nsteps: {{{line}}}\n"},
        f"{number // 2:,} files with a fault each": {
            f"f{n}": f"flow: f{n}\nsteps: {{a: {{timout: 5}}}}\n" for n in range(number // 2)
        },
    }
    for at, (title, texts) in enumerate(files.items()):
        project = directory / f"faults{at}"
        (project / "flows").mkdir(parents=True)
        (project / "pgflowc.toml").write_text('package = "shop"\n')
        for name, text in texts.items():
            (project / "flows" / f"{name}.yaml").write_text(text)
        found = _median(scale, lambda at=project: _pgflowc(at, "validate", expected=1))  # type: ignore[misc]
        _row(f"validate {title}", found, None, "2 s")


def _stages(directory: Path, scale: Scale) -> None:
    """The share of each stage in a cold compile; what libraries take belongs to their callers."""
    from pgflowc.cli.app import build

    project = directory / "stages"
    _project(project, min(scale.flows, 200))
    profile = cProfile.Profile()
    words = ["compile", "--project", str(project)]
    with redirect_stdout(io.StringIO()):
        profile.runcall(lambda: build(words)(words, standalone_mode=False))
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    times = {function: own for function, (_, _, own, _, _) in stats.items()}
    for _ in range(_DEEPEST):
        times = _with_callers(times, stats)
    shares: dict[str, float] = defaultdict(float)
    for function, seconds in times.items():
        shares[_stage(function) or "other"] += seconds
    total = sum(shares.values())
    print("\nWhere the time goes (under the profiler):")
    for stage, seconds in sorted(shares.items(), key=lambda item: -item[1])[:12]:
        print(f"  {seconds / total:6.1%}  {stage}")


def _with_callers(times: dict[_Function, float], stats: dict[_Function, Any]) -> dict[_Function, float]:
    """The times of functions outside pgflowc moved to their callers, in proportion to the calls' times."""
    moved: dict[_Function, float] = defaultdict(float)
    for function, seconds in times.items():
        callers = {caller: found[3] for caller, found in stats[function][4].items() if caller != function}
        whole = sum(callers.values())
        if _stage(function) or not whole:
            moved[function] += seconds
        else:
            for caller, part in callers.items():
                moved[caller] += seconds * part / whole
    return moved


def _stage(function: _Function) -> str | None:
    """The stage that a function belongs to; None for what others call."""
    file, _, name = function
    if name == "<module>" or "importlib" in file:
        return "imports"
    parts = Path(file).parts
    if "pgflowc" not in parts:
        return None
    stage, *below = parts[len(parts) - parts[::-1].index("pgflowc") :]
    return stage if below else stage.removesuffix(".py")


# Processes


def _pgflowc(project: Path, *arguments: str, expected: int = 0) -> Cost:
    return _run([sys.executable, "-m", "pgflowc", *arguments], project, expected)


def _cold(project: Path) -> Cost:
    for leftover in ("shop", "migrations", ".pgflowc"):
        shutil.rmtree(project / leftover, ignore_errors=True)
    (project / "pgflowc.lock").unlink(missing_ok=True)
    return _pgflowc(project, "compile")


def _compiled_again(project: Path) -> Cost:
    if not (project / "pgflowc.lock").exists():
        _cold(project)
        _pgflowc(project, "compile")
    return _pgflowc(project, "compile")


def _run(command: Sequence[str], directory: Path, expected: int = 0) -> Cost:
    """One process on one core; RuntimeError with its output if it ends with another exit code."""
    read, write = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.chdir(directory)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.closerange(3, 256)
        os.execv(command[0], list(command))
    os.close(write)
    with open(read, "rb") as output:  # noqa: PTH123 - a pipe
        told = output.read()
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status) != expected:
        raise RuntimeError(f"{' '.join(command)}\n{told.decode(errors='replace')[-2000:]}")
    return Cost(seconds, used.ru_maxrss / 1024)


def _median(scale: Scale, measure: Callable[[], Cost]) -> Cost:
    measure()  # byte code and disk caches
    costs = [measure() for _ in range(scale.rounds)]
    return Cost(
        statistics.median(cost.seconds for cost in costs), statistics.median(cost.megabytes for cost in costs)
    )


def _row(title: str, cost: Cost, base: Cost | None, goal: str) -> None:
    ratio = f"{cost.seconds / base.seconds:.2f} x" if base else ""
    print(f"| {title} | {cost.seconds:.3f} s | {ratio} | {cost.megabytes:.0f} MB | {goal} |", flush=True)


# Projects


def _project(root: Path, flows: int) -> None:
    (root / "flows").mkdir(parents=True)
    (root / "pgflowc.toml").write_text('package = "shop"\n')
    for number in range(flows):
        (root / "flows" / f"order_{number}.yaml").write_text(_flow(number))


def _flow(number: int) -> str:
    """A flow of 10 steps: fan-out, map steps, a condition, options, types."""
    return f"""\
flow: order_{number}
description: Validate, charge and ship orders of shop {number}.
max_attempts: 3
base_delay: 5
timeout: 60
types:
  Item: {{sku: str, quantity: int}}
  Charge: {{charge_id: str, amount: decimal, method: {{$enum: [card, invoice]}}}}
input: {{order_id: int, items: [Item], note: str | null, placed: datetime}}
steps:
  validate:
    description: Refuse orders without items.
    output: {{order_id: int, total: decimal}}
  list_items:
    depends_on: [validate]
    output: [Item]
  reserve:
    map: list_items
    max_attempts: 5
    output: {{sku: str, reserved: bool}}
  price:
    map: list_items
    output: {{sku: str, price: decimal}}
  charge:
    depends_on: [validate, price]
    timeout: 30
    output: Charge
  invoice:
    depends_on: [charge]
    if: {{charge: {{method: invoice}}}}
    output: {{number: str, due: date}}
  pack:
    depends_on: [reserve, charge]
    output: {{parcels: [str]}}
  label:
    map: pack_list
    output: {{tracking: str}}
  pack_list:
    depends_on: [pack]
    output: [str]
  ship:
    depends_on: [label, invoice]
    start_delay: 10
    output: {{shipped: datetime, tracking: [str]}}
"""


def _long_flow(root: Path, steps: int) -> None:
    (root / "flows").mkdir(parents=True)
    (root / "pgflowc.toml").write_text('package = "shop"\n')
    lines = ["flow: long", "input: {order_id: int}", "steps:"]
    for number in range(steps):
        lines.append(f"  step_{number}:")
        if number:
            lines.append(f"    depends_on: [{', '.join(_sources(number))}]")
        lines.append("    output: {value: int, text: str}")
    (root / "flows" / "long.yaml").write_text("\n".join(lines) + "\n")


def _sources(number: int) -> Iterator[str]:
    yield f"step_{number - 1}"
    if number >= 10 and number % 3 == 0:
        yield f"step_{number - 10}"


if __name__ == "__main__":
    main()
