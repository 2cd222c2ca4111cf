"""The database side of the compiler: find or start a server, install the components, apply migrations, check.

Everything here talks to the outside world; what can go wrong there is a `DatabaseError`: one line and the
way out.
"""

from pgflowc.database.errors import DatabaseError

__all__ = ["DatabaseError"]
