"""Differences of flows, for people, for pull requests, for programs, and as SQL: one module for each."""

from __future__ import annotations

from pgflowc.render.differences import json_report, markdown, script, text

__all__ = ["json_report", "markdown", "script", "text"]
