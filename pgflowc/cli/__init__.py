"""The command line: one file per command group, which parses options, calls a stage and prints. No logic."""
