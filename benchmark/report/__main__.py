"""The answer to `python -m benchmark.report`, which is no command: the one that was meant."""

import sys

sys.exit(
    "benchmark.report is no command: tables are made and shown by `python -m benchmark.reproduce TABLE`, pages by `python -m benchmark.site`"
)
