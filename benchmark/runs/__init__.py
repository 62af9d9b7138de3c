"""Runs: one or many at a time, with notes on the machine and experiment tracking."""
