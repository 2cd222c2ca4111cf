"""The copy of handlers for a former version: imports lead to its module, and every other byte stays."""

from __future__ import annotations

import ast

import pytest

from pgflowc.render.copied_handlers import copy_handlers

LONG = "CheckOutput, ChargeDeps, ChargeOutput, OrderInput, ReserveDep"


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("from shop._generated.order import A, B\n", "from shop._generated.order_v1 import A, B\n"),
        ("from shop._generated.order import (\n    A,  # one\n    B,\n)\n", None),
        ("from shop._generated.order import *\n", "from shop._generated.order_v1 import *\n"),
        ("from .._generated.order import A\n", "from .._generated.order_v1 import A\n"),
        ("from .._generated import order\n", "from .._generated import order_v1 as order\n"),
        (
            "from shop._generated import mail, order as types\n",
            "from shop._generated import mail, order_v1 as types\n",
        ),
        (
            "import shop._generated.order as types, os\nx: types.A\n",
            "import shop._generated.order_v1 as types, os\nx: types.A\n",
        ),
        (
            "import shop._generated.order\nx: shop._generated.order.A = shop._generated.order.B.c\n",
            "import shop._generated.order_v1\nx: shop._generated.order_v1.A = shop._generated.order_v1.B.c\n",
        ),
        (
            "def f():\r\n    from shop._generated.order import A\r\n    return 'shop._generated.order'\r",
            "def f():\r\n    from shop._generated.order_v1 import A\r\n    return 'shop._generated.order'\r",
        ),
        (
            "\ufeff# ä €\nfrom shop._generated.order import A; x = '€'\n",
            "\ufeff# ä €\nfrom shop._generated.order_v1 import A; x = '€'\n",
        ),
        (
            f"from shop._generated.order import {LONG}\n",
            "from shop._generated.order_v1 import (\n    ChargeDeps,\n    ChargeOutput,\n    CheckOutput,\n"
            "    OrderInput,\n    ReserveDep,\n)\n",
        ),
        ("x = 1\x0c\ny = 2\n", None),
        # What leads elsewhere.
        ("from shop._generated.orders import A\nfrom other._generated.order import A\n", None),
        ("from shop.handlers.order import f\nfrom .order import g\nfrom ... import order\n", None),
        ("order = 1\nprint(order, 'from shop._generated.order import A')\n", None),
        ("", None),
    ],
)
def test_imports_lead_to_the_former_module(text: str, copied: str | None) -> None:
    if copied is None:
        copied = text.replace("shop._generated.order import (", "shop._generated.order_v1 import (")
    assert copy_handlers(text, "shop", "order", "order_v1") == copied
    ast.parse(copied.removeprefix("\ufeff"))


def test_a_package_within_a_package() -> None:
    text = "from ..._generated import order\nfrom .._generated.order import A\n"
    copied = "from ..._generated import order\nfrom .._generated.order_v1 import A\n"
    assert copy_handlers(text, "acme.shop", "order", "order_v1") == copied


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        copy_handlers("def (:\n", "shop", "order", "order_v1")
