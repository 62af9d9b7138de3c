"""A refusal of `python -m benchmark.report`, with the command that was meant."""

import sys

sys.exit(
    "benchmark.report is not a command: tables are made and shown by `python -m benchmark.reproduce TABLE`, pages by `python -m benchmark.site`"
)
