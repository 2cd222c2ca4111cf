"""Type checkers hold handwritten handlers against the generated types; later compiles leave them alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgflowc.compile import compile_sources
from pgflowc.diagnostics import Diagnostic
from pgflowc.render import Layout
from pgflowc.render.bound_names import bound_names
from pgflowc.render.python import parse_python

SPEC = """\
flow: orders
input: {order_id: int, note: str | null}
steps:
  validate:
    output: {total: decimal}
  items:
    output: [{sku: str}]
  charge:
    depends_on: [validate]
    output: {charge_id: str}
  pick:
    map: items
    output: int
"""
HANDLERS = """\
from decimal import Decimal

from pgflowc_runtime import Context

from shop._generated.orders import (
    ChargeDeps,
    ChargeOutput,
    ItemsOutput,
    ItemsOutputItem,
    OrdersInput,
    ValidateOutput,
)


async def validate(input: OrdersInput, ctx: Context[OrdersInput]) -> ValidateOutput:
    return ValidateOutput(total=Decimal(input.order_id))


def items(input: OrdersInput, ctx: Context[OrdersInput]) -> ItemsOutput:
    return [ItemsOutputItem(sku=input.note or "none")]


async def charge(deps: ChargeDeps, ctx: Context[OrdersInput]) -> ChargeOutput:
    return ChargeOutput(charge_id=str(deps.validate.total))


async def pick(item: ItemsOutputItem, ctx: Context[OrdersInput]) -> int:
    return len(item.sku)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    compilation = compile_sources({"flows/orders.yaml": SPEC}, Layout("shop"), {})
    for path, text in compilation.rendered.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("", "", None),
        ("deps.validate.total", "deps.validate.totl", '"ValidateOutput" has no attribute "totl"'),
        ("deps.validate.total", "deps.items", '"ChargeDeps" has no attribute "items"'),
        ("charge_id=str(deps.validate.total)", "charge_id=deps.validate.total", "Argument"),
        ("total=Decimal", "totals=Decimal", '"totals"'),
        ("-> int:\n    return len(item.sku)", "-> str:\n    return item.sku", "registry.py"),
        ("item: ItemsOutputItem", "item: int", "registry.py"),
        ("async def pick", "async def picked", 'Module has no attribute "pick"'),
        ("sku=input.note or", "sku=input.note, x=", 'incompatible type "str | None"'),
    ],
)
def test_mypy_finds_what_does_not_fit(right: str, wrong: str, found: str | None, project: Path) -> None:
    (project / "shop" / "handlers" / "orders.py").write_text(HANDLERS.replace(right, wrong))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=.cache", "-p", "shop"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if found is None else 1), done.stdout
    assert (found or "Success") in done.stdout


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("def a(): x = 1\nasync def b(): ...\nclass C: y = 1", "a b C"),
        (
            "if x:\n  def a(): ...\nelse:\n  b = 1\ntry: c = 1\nexcept E: d = 1\nwith f() as g: ...",
            "a b c d g",
        ),
        ("a, (b, *c) = d = 1\ne: int = 1\nf: int\ng += 1", "a b c d e g"),
        ("import a.b, c.d as e\nfrom m import f, g as h\nfrom n import *", "a e f h *"),
        ("for a in b: c = lambda d: 1\n(e := 1)", "a c e"),
        ("a.b = 1\nc[d] = 2", ""),
    ],
)
def test_bound_names(text: str, bound: str) -> None:
    assert bound_names(ast.parse(text)) == set(bound.split())


MINE = '"""Mine."""\n\nfrom shop._generated.orders import OrdersInput\n\n\ndef helper() -> None: ...\n'


@pytest.mark.parametrize(
    "text",
    [
        MINE,
        MINE.replace("\n", "\r\n"),
        "\ufeff" + MINE,
        "",
        "# only a comment",
        "from __future__ import annotations\nx = 1;  y = 2\n",
        'x = r"\\d" "\\d"\n',
        "x = 1\r\ny = 1 \\\r\n",
    ],
)
def test_stubs_are_appended_and_nothing_else_changes(text: str) -> None:
    handlers = _compile(text.encode())
    appended = handlers.removeprefix(
        text[: text.rfind("import OrdersInput")] if "OrdersInput" in text else ""
    )
    assert all(line in handlers for line in text.splitlines() if "import OrdersInput" not in line)
    assert handlers.count("async def") == 4
    assert "async def charge(deps: ChargeDeps" in appended
    assert ("\r\n" in handlers) is ("\r\n" in text)
    assert handlers.replace("\r\n", "").count("\r") == 0
    assert handlers.startswith("\ufeff") is text.startswith("\ufeff")
    parse_python(handlers)
    assert _compile(handlers.encode()) == handlers


def test_what_a_star_import_may_bring_gets_no_stub() -> None:
    text = "from shop.elsewhere import *\n"
    assert _compile(text.encode()) == text


@pytest.mark.parametrize("content", [b"def (", b"\xff\xfe", b"a = 1\0", b"(" * 500, b"x" + b".y" * 50_000])
def test_files_that_are_not_python_are_reported(content: bytes) -> None:
    present = {"shop/handlers/orders.py": content}
    compilation = compile_sources({"orders.yaml": SPEC}, Layout("shop"), present)
    if compilation.failed:
        assert [found.code.id for found in compilation.diagnostics] == ["PGF813"]
    else:
        parse_python(compilation.rendered.files["shop/handlers/orders.py"])


@pytest.mark.parametrize("text", ["def f(x):\n    global x\n", "nonlocal y\n"])
def test_what_only_running_a_file_finds_does_not_stop_the_compiler(text: str) -> None:
    assert text in _compile(text.encode())


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_no_file_of_handlers_makes_the_compiler_fail(content: bytes) -> None:
    compile_sources({"orders.yaml": SPEC}, Layout("shop"), {"shop/handlers/orders.py": content})


def _compile(content: bytes) -> str:
    present = {"shop/handlers/orders.py": content}
    compilation = compile_sources({"orders.yaml": SPEC}, Layout("shop"), present)
    assert not compilation.failed, compilation.diagnostics
    return compilation.rendered.files["shop/handlers/orders.py"]


@pytest.mark.parametrize(
    ("writes", "others", "line"),
    [(True, {}, 9), (False, {}, 2), (True, {"shop/registry.py": b"# mine\n"}, 2)],
    ids=["written", "only looked at", "errors keep it from being written"],
)
def test_findings_are_at_the_line_that_the_user_sees(
    writes: bool, others: dict[str, bytes], line: int
) -> None:
    text = "from shop._generated.orders import OrdersInput\ndef charge(deps): ...\n"
    present = {"shop/handlers/orders.py": text.encode(), **others}
    compilation = compile_sources({"orders.yaml": SPEC}, Layout("shop"), present, writes=writes)
    assert compilation.failed is bool(others)
    found = next(found for found in compilation.diagnostics if found.code.id == "PGF815")
    assert found.span is not None
    assert found.span.start.line == line
    shown = compilation.sources["shop/handlers/orders.py"].splitlines()[line - 1]
    assert shown[found.span.start.column - 1 : found.span.end.column - 1] == "charge"


BOUND = (
    "import typing as t\nfrom pgflowc_runtime import Context\nfrom shop._generated.orders import ChargeDeps\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "def charge(*a): ...",
        "charge = functools.partial(print, 1)",
        "class C:\n  def __call__(self, a, b): ...\ncharge = C()",
        "@t.overload\ndef charge(x): ...\ndef charge(x, y=None, *z): ...",
        "if t.TYPE_CHECKING:\n  def charge(x): ...\nelse:\n  def charge(x, y): ...",
        "def charge(x): ...\ncharge = adapt(charge)",
        "def charge(x): ...\ndel charge\nfrom q import charge",
        "def charge(x): ...\nfrom q import *",
        "async def charge(deps: 'ChargeDeps', ctx: 'Context[int]') -> 'ChargeOutput': ...",
        "ChargeDeps = int\ndef charge(deps: ChargeDeps, ctx): ...",
        "charge: t.Callable[..., object] = lambda a, b: None",
        "class charge(metaclass=Meta): ...",
        "def charge(deps, ctx):\n  return lambda: (yield)",
        "match 1:\n  case charge: pass",
    ],
)
def test_what_may_be_a_handler_is_believed(text: str) -> None:
    assert not _unfit(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def charge(a): ...", "takes 1"),
        ("charge = lambda a: None", "takes 1"),
        ("charge: object = lambda a, b, c: 0", "takes 3"),
        ("class charge: ...", "it is a class"),
        ("def charge(a, b):\n  if a:\n    yield from b", "it is a generator"),
        ("async def charge(a, b):\n  x = yield 1", "it is a generator"),
        ("def charge(a, b, *, c): ...", "needs 'c' too"),
        ("def charge(deps: str, ctx): ...", "it gets ChargeDeps, not str"),
        ("from q import *\ndef charge(a): ...", "takes 1"),
        ("from shop._generated.orders import *\ndef charge(a: OrdersInput, b): ...", "not OrdersInput"),
    ],
)
def test_what_cannot_be_a_handler_is_reported(text: str, problem: str) -> None:
    (found,) = _unfit(text)
    assert problem in found.message


def _unfit(text: str) -> list[Diagnostic]:
    present = {"shop/handlers/orders.py": (BOUND + text + "\n").encode()}
    compilation = compile_sources({"orders.yaml": SPEC}, Layout("shop"), present)
    assert not compilation.failed
    return [found for found in compilation.diagnostics if found.code.id == "PGF815"]
