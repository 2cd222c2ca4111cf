"""However a spec changes, a file of handlers keeps every byte of its author: stubs come after them, and only
the import of generated types may grow.
"""

from __future__ import annotations

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgflowc.compile import compile_sources
from pgflowc.render import Layout

SPEC = """\
flow: orders
on_change: recreate
input: {order_id: int}
types: {Item: {sku: str}}
steps:
  validate:
    output: {total: decimal, item: Item}
  items:
    output: [Item]
  charge:
    depends_on: [validate]
    output: {charge_id: str}
  pick:
    map: items
    output: int
  pack:
    depends_on: [pick, charge]
"""
CHANGES = {
    "a step more": (SPEC, SPEC + "  ship: {depends_on: [pack], output: {parcel: uuid}}\n"),
    "a step less": ("  pack:\n    depends_on: [pick, charge]\n", ""),
    "another input": ("{order_id: int}", "{order_id: uuid, note: str | null}"),
    "another output": ("[Item]", '["str | Item"]'),
    "another dependency": ("depends_on: [validate]", "depends_on: [validate, items]"),
    "no dependency": ("    depends_on: [validate]\n", ""),
    "a map no more": ("    map: items", "    depends_on: [items]"),
    "a step renamed": ("charge", "bill"),
    "a condition": ("  charge:\n", "  charge:\n    if: {validate: {item: {sku: mug}}}\n"),
    "another type name": ("Item", "Article"),
    "a handler elsewhere": ("  pack:\n", '  pack:\n    handler: "packing:pack"\n'),
    "options": ("  pick:\n", "  pick:\n    timeout: 5m\n    max_attempts: 7\n    description: Fetch it.\n"),
    "an untyped input": ("input: {order_id: int}\n", ""),
}
HEAD = '''\
#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Ours: größer, \\" and 'x'."""
from __future__ import annotations

import functools, typing as t   # two at once
from pgflowc_runtime import Context
'''
IMPORT = "from shop._generated.orders import ChargeDeps, OrdersInput, ValidateOutput\n"
PIECES = [
    "@functools.cache\ndef helper(a, b=1, *c, **d): return (a,b , c)   # odd  spaces\n",
    "\n\n\n\n@t.final\nclass Shop:\n\tname = 'x'\t\n\tdef charge(self): pass\n",
    "async def validate(input: OrdersInput, ctx: Context[OrdersInput]) -> ValidateOutput:\n"
    '    """Mine."""\n    return t.cast(ValidateOutput, helper(input, 1))\n',
    "@functools.wraps(helper)\nasync def charge(deps: ChargeDeps, ctx):  # type: (...) -> None\n  ...\n",
    "def pack(deps,\n         ctx, # why\n        ): return {\n  'a' : 1,\n}\n",
    "if t.TYPE_CHECKING:\n    from elsewhere import pick\nelse: pick = lambda item, ctx: item\n",
    "x = '''\n\tdef items(): ...\n   '''  ;y=2 ; \n",
    "# a comment, and white space   \n   \n\f\n",
    "z = (1 +\n2)\nprint(f'{z!r:>{10}} {z=}', end='')\n",
    "try: items = [\n]\nexcept* ValueError: pass\n",
]


def _changed(change: str) -> str:
    spec = SPEC.replace(*CHANGES[change])
    return spec.replace("  bill:\n", "  bill:\n    was: charge\n")


def _compile(spec: str, present: dict[str, bytes]) -> dict[str, bytes]:
    compilation = compile_sources({"flows/orders.yaml": spec}, Layout("shop"), present, allow_data_loss=True)
    assert not compilation.failed, compilation.diagnostics
    return {path: text.encode() for path, text in compilation.rendered.files.items()}


@given(
    st.lists(st.sampled_from(PIECES), unique=True, max_size=len(PIECES)),
    st.sampled_from(
        [
            "",
            IMPORT,
            IMPORT.replace("\n", "  # noqa\n"),
            IMPORT.replace(" ChargeDeps", " (ChargeDeps") + ")\n",
        ]
    ),
    st.lists(st.sampled_from(sorted(CHANGES)), unique=True, min_size=1, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from(["\n", "", "# the end, without a line end"]),
)
@example(PIECES, IMPORT, sorted(CHANGES), "\n", "", "# the end")
@example(PIECES, IMPORT, sorted(CHANGES), "\r\n", "\ufeff", "\n")
@settings(max_examples=15, deadline=None)
def test_every_byte_stays_where_it_was(
    pieces: list[str], imported: str, changes: list[str], newline: str, mark: str, end: str
) -> None:
    if imported.endswith(")\n"):
        imported = imported[:-3] + ")\n"
    head, body = (text.replace("\n", newline) for text in (HEAD, "".join(["# begin\n", *pieces, end])))
    written = mark + head + imported.replace("\n", newline) + body
    try:
        ast.parse(written.removeprefix(mark))
    except SyntaxError:
        return
    path = "shop/handlers/orders.py"
    present = {**_compile(SPEC, {}), path: written.encode()}
    for change in changes:
        spec = _changed(change)
        before = present[path].decode()
        present |= _compile(spec, present)
        after = present[path].decode()
        assert after.startswith(mark + head)
        assert after.count(body) == 1
        # Of what was appended, only untouched stubs of a renamed step change.
        appended, earlier = (text.partition(body)[2] for text in (after, before))
        assert change == "a step renamed" or appended.startswith(earlier)
        assert not appended or appended.lstrip("\r\n").startswith("async def")
        ast.parse(after.removeprefix("\ufeff"))
        again = _compile(spec, present)
        assert again[path] == present[path]


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_complete_file_is_not_touched_at_all(change: str) -> None:
    names = ("validate", "items", "charge", "bill", "pick", "pack", "ship")
    written = HEAD + IMPORT + "".join(f"def {name}(one, ctx): return one\n" for name in names) + "# end"
    path = "shop/handlers/orders.py"
    present = {**_compile(SPEC, {}), path: written.encode()}
    assert _changed(change) != SPEC
    assert _compile(_changed(change), present)[path] == written.encode()
