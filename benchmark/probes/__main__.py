"""A refusal of `python -m benchmark.probes`, with the command that was meant."""

import sys

sys.exit(
    "benchmark.probes is not a command: a run measures with `python -m benchmark probe=[NAME]`, whose --help lists the probes"
)
