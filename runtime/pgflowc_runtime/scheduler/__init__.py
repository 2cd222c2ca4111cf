"""Schedules that start runs: `slots` computes times, `due` decides, `scheduler` acts, in each worker."""
