"""Specs to checked flows: the graph is built, checked and frozen here."""
