"""Whether somebody is writing a file now: an editor or a tool that has emptied it and is about to fill it.

To replace such a file would lose what is written next, because it goes into the file that was replaced.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from itertools import islice
from pathlib import Path

# So many neighbours are asked whether the file system tells the truth.
_NEIGHBOURS = 3


def is_being_written(path: Path) -> bool:
    """Whether a process has the file open for writing; False where nothing tells, or there is no file.

    Linux grants a lease for reading only on a file that nobody has open for writing. It tells the owner of a
    file, and root. Network file systems may refuse every lease, which says nothing.
    """
    if not _is_lease_refused(path):
        return False
    refused: list[bool] = []
    with suppress(OSError):
        others = (one for one in path.parent.iterdir() if one != path and one.is_file())
        refused += [_is_lease_refused(one) for one in islice(others, _NEIGHBOURS)]
    return not refused or not all(refused)


def _is_lease_refused(path: Path) -> bool:
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Whoever opens the file while we have the lease makes the kernel signal us. By default that is
        # SIGIO, which ends a process that does not expect it; this one is ignored.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False
