"""Which changes break something: of the generated API, of handlers, of what is stored, of runs alive."""

from __future__ import annotations

from pgflowc.plan.breaking.judge import judge
from pgflowc.plan.breaking.level import CATEGORIES, Category, Level
from pgflowc.plan.breaking.places import Places
from pgflowc.plan.breaking.rules import RULES

__all__ = ["CATEGORIES", "RULES", "Category", "Level", "Places", "judge"]
