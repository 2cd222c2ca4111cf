"""The pgflowc compiler: flow specs in, SQL migrations and typed Python out.

The stages are the sub-packages, and imports run one way only:
cli > project > compile > render > plan > graph > spec > document > diagnostics.
"""

__version__ = "0.1.0"
