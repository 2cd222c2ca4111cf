"""`python -m pgflowc` is the `pgflowc` command."""

from pgflowc.cli.app import main

main()
