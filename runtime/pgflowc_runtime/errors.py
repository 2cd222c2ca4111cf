"""Every exception that pgflowc_runtime raises on purpose.

    PgflowcError
    ├── ConfigurationError      a setting or combination of settings that cannot work
    ├── RegistryError           handlers do not fit their flow, or PACKAGE.registry cannot be loaded
    ├── DatabaseUnavailable     no connection could be made, or it was refused
    ├── SchemaError             the core is missing, too old or too new for this runtime
    │   └── FlowMismatch        a flow is not migrated, or differs from the one given
    ├── NotFound
    │   ├── FlowNotFound        no flow of that slug in the database
    │   ├── RunNotFound         no run of that id
    │   └── StepNotFound        the run has no step of that slug
    ├── RunExists               that run id names another flow or another input already
    ├── InvalidInput            an input that the flow's type, or the database, refuses
    │   ├── InvalidRunId        a text that is no run id
    │   ├── InvalidCursor       a text that is no cursor of a list
    │   ├── InvalidTime         a time without a timezone, or one that no timestamp can hold
    │   └── InvalidDefinition   data that does not define a flow
    ├── SignalTimeout           no signal came before the deadline of a handler's wait (also a TimeoutError)
    └── WaitTimeout             the run was still going when the wait ended (also a TimeoutError)

`str(error)` is one line. `error.help` is one more: what mends it, best a command; empty if there is nothing
to say.
"""

# The names say what happened, not that it is an error: `except RunNotFound`.
# ruff: noqa: N818

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgflowc_runtime.definitions import Fault


class PgflowcError(Exception):
    """Base of the tree."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


class ConfigurationError(PgflowcError):
    """A setting or combination of settings that cannot work."""


class RegistryError(PgflowcError):
    """Handlers do not fit their flow, or PACKAGE.registry cannot be loaded."""


class DatabaseUnavailable(PgflowcError):
    """No connection could be made, or it was refused."""


class SchemaError(PgflowcError):
    """The core is missing, too old or too new for this runtime."""


class FlowMismatch(SchemaError):
    """A flow is not migrated, or differs from the one given."""


class NotFound(PgflowcError):
    """What was named is not in the database."""


class FlowNotFound(NotFound):
    """No flow of that slug in the database."""


class ScheduleNotFound(NotFound):
    """The flow has no schedule."""


class RunNotFound(NotFound):
    """No run of that id."""


class StepNotFound(NotFound):
    """The run has no step of that slug."""


class RunExists(PgflowcError):
    """That run id names another flow or another input already."""


class InvalidInput(PgflowcError):
    """An input that the flow's type, or the database, refuses."""


class InvalidRunId(InvalidInput):
    """A text that is no run id."""


class InvalidCursor(InvalidInput):
    """A text that is no cursor of a list."""


class InvalidTime(InvalidInput):
    """A time without a timezone, or one that no timestamp can hold."""


class InvalidDefinition(InvalidInput):
    """Data that does not define a flow; the text names every fault, and `diagnostics` has them one by one,
    each with the code that the compiler has for it.
    """

    def __init__(self, message: str, *, help: str = "", diagnostics: Sequence[Fault] = ()) -> None:
        super().__init__(message, help=help)
        self.diagnostics = tuple(diagnostics)


class WaitTimeout(PgflowcError, TimeoutError):
    """The run was still going when the wait ended; it goes on."""


class SignalTimeout(PgflowcError, TimeoutError):
    """Raised in a handler: no signal came before the deadline of its wait. A handler that lets it pass fails
    its task for good.
    """
