"""pgflow.calculate_retry_delay (contract, section 5; the cap is ours)."""

from __future__ import annotations


def test_retry_delay(core) -> None:
    call = "select pgflow.calculate_retry_delay(base_delay => %s::numeric, attempts_count => %s)"
    expected = {(5, 1): 10, (5, 2): 20, (1, 0): 1, (0, 9): 0, (1.5, 1): 3, (0.3, 1): 0, (2, 10): 2048}
    assert {case: core.value(call, *case) for case in expected} == expected


def test_retry_delay_is_capped_at_a_year(core) -> None:
    call = "select pgflow.calculate_retry_delay(%s::numeric, %s)"
    assert core.value(call, 5, 31) == 31_536_000
    assert core.value(call, 2_147_483_647, 2_147_483_647) == 31_536_000
