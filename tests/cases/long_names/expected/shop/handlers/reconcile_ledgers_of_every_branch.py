"""Handlers of flow `reconcile_ledgers_of_every_branch`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.reconcile_ledgers_of_every_branch import (
    CollectStatementsFromBanksOutput,
    CompareStatementsWithLedgersDeps,
    CompareStatementsWithLedgersOutput,
    CompareStatementsWithLedgersOutputItem,
    ReconcileLedgersOfEveryBranchInput,
    ReportDifferenceToTheBranchOutput,
)


async def collect_statements_from_banks(
    input: ReconcileLedgersOfEveryBranchInput,
    ctx: Context[ReconcileLedgersOfEveryBranchInput],
) -> CollectStatementsFromBanksOutput:
    raise NotImplementedError(
        "write step 'collect_statements_from_banks' of flow 'reconcile_ledgers_of_every_branch'",
    )


async def compare_statements_with_ledgers(
    deps: CompareStatementsWithLedgersDeps,
    ctx: Context[ReconcileLedgersOfEveryBranchInput],
) -> CompareStatementsWithLedgersOutput:
    raise NotImplementedError(
        "write step 'compare_statements_with_ledgers' of flow 'reconcile_ledgers_of_every_branch'",
    )


async def report_difference_to_the_branch(
    item: CompareStatementsWithLedgersOutputItem,
    ctx: Context[ReconcileLedgersOfEveryBranchInput],
) -> ReportDifferenceToTheBranchOutput:
    raise NotImplementedError(
        "write step 'report_difference_to_the_branch' of flow 'reconcile_ledgers_of_every_branch'",
    )
