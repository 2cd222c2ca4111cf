"""JSON that is given as an option: a text, `@FILE`, or `@-` for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pgflowc.cli.exit import fail


def read_json(given: str, option: str = "--input") -> Any:
    """The value of that option; exits 2 with the place of the fault if it is not JSON."""
    text, source = given, option
    if given.startswith("@"):
        source = "stdin" if given == "@-" else given[1:]
        try:
            text = sys.stdin.read() if given == "@-" else Path(given[1:]).read_text(encoding="utf-8")
        except OSError as error:
            fail(f"cannot read {source}: {error.strerror}")
        except UnicodeDecodeError as error:
            fail(f"{source} is not UTF-8: {error.reason} at byte {error.start}")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        fail(
            f"{source} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            help=f"""for example: {option} '{{"order_id": 1}}', or {option} @order.json""",
        )
    except RecursionError:
        fail(f"{source} is nested too deeply")
    except ValueError as error:
        fail(f"{source} is not JSON: {error}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
