"""The answer to `python -m benchmark.probes`, which is no command: the one that was meant."""

import sys

sys.exit(
    "benchmark.probes is no command: a run measures with `python -m benchmark probe=[NAME]`, whose --help lists the probes"
)
