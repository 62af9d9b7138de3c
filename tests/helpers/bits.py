"""Digests of twenty small runs, to be compared by hand before and after a change that must not move bits.

    PYTHONPATH=.:tests python -m helpers.bits before.json
    PYTHONPATH=.:tests python -m helpers.bits after.json && diff before.json after.json

They differ between kinds of processor, so that none are kept here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.config.compose import run_config
from benchmark.places import ROOT
from benchmark.runs.run import Run, run
from helpers.rates import any_rate

SHORT = ["task=opinion", "data.count=48", "protocol.epochs=1"]
MULTILINGUAL = ["model=embedded_multilingual", "data.count=48", "protocol.epochs=1"]
METHODS = (
    "noisytune",
    "pats",
    "lnsr",
    "hype_n",
    "rdrop",
    "smart",
    "mixout",
    "recadam",
    "child_tuning_d",
    "freelb",
)
RUNS = {
    "vanilla": SHORT,
    **{name: [*SHORT, f"method=[{name}]"] for name in METHODS},
    "two methods": [*SHORT, "method=[child_tuning_f,sage]"],
    "another seed": ["task=comparison", "method=[noisytune]", "seed=3", "data.count=200"],
    "micro-batches": [*SHORT, "protocol.micro_batch_size=8"],
    "padded": [*SHORT, "packed=false"],
    "Adamax, two evaluations": [*SHORT, "protocol.optimizer=adamax", "protocol.evaluations_per_epoch=2"],
    "probes": [*SHORT, "probe=[norm_change,token_similarity]"],
    "tagging": [*MULTILINGUAL, "task=entities"],
    "question answering": [*MULTILINGUAL, "task=questions"],
    "diverging": [*SHORT, "protocol.learning_rate=1e6", "protocol.epochs=3"],
}


def digests(overrides: list[str], store: str) -> dict[str, Any]:
    """Id, status, scores, curve and the digest of every array of a run."""
    config = run_config(*overrides)
    config.store, config.cache = store, str(ROOT / ".cache")
    this = Run(config)
    record = run(this).to_json()
    arrays = this.store.arrays(this.id)
    return {
        **{key: record[key] for key in ("run_id", "status", "diverged_at", "collapsed", "scores", "curve")},
        "arrays": {name: digest(arrays[name]) for name in sorted(arrays)},
    }


def digest(array: np.ndarray) -> str:
    """Type, shape and the first 16 digits of the SHA-256 of an array."""
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
    return f"{array.dtype}{list(array.shape)} {content}"


def main(output: Path) -> None:
    """Run all of `RUNS` in a store of their own, and write their digests."""
    with tempfile.TemporaryDirectory() as store, any_rate():
        found = {name: digests(overrides, store) for name, overrides in RUNS.items()}
    output.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    parser = argparse.ArgumentParser(description="Run a list of configurations, and write their digests.")
    parser.add_argument("output", type=Path, metavar="FILE.json")
    main(parser.parse_args().output)
