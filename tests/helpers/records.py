"""One small finished record with its arrays, by hand."""

from __future__ import annotations

import numpy as np

from benchmark.records.record import Data, Evaluation, Memory, Record, Seconds, Weights

ID = "0123456789abcdef"
CONFIG = {  # of a folder, whose id is not told by its name
    "model": {"name": "encoder", "id": "encoder"},
    "task": {
        "name": "task",
        "repo": "somebody/task",
        "labels": ["no", "yes"],
        "evaluate": {"validation": {}},
    },
    "method": {},
    "protocol": {"batch_size": 32, "max_length": 128, "precision": "float32"},
    "data": {"count": None, "share": None},
    "probe": {},
    "seed": 1,
    "device": "cpu",
    "threads": 1,
    "packed": True,
    "replay": None,
}
SCORES = {"validation": {"accuracy": 2 / 3}}
RECORD = Record(
    run_id=ID,
    status="finished",
    finished="2026-01-01T00:00:00+00:00",
    command="python -m benchmark",
    diverged_at=None,
    resumed=0,
    replayed=0,
    attention="flash",
    padding_computed=False,
    collapsed=[],
    config=CONFIG,
    scores=SCORES,
    curve=[Evaluation(2, 1.0, 0.5, {"validation": 0.7}, SCORES)],
    seconds=Seconds(1.0, 0.1, 0.0, 0.5, 0.0, 1.2),
    memory=Memory(None),
    examples={"train": 64, "validation": 3},
    model=Weights("somebody/encoder", "0" * 40),
    data=Data("somebody/task", "0" * 40, {}, {}, 128, {}),
    environment={
        "code": {"commit": None, "dirty": None},
        "python": "3.11.0",
        "packages": {"torch": "2.0.0", "transformers": "5.0.0"},
        "device": "a processor",
        "device_type": "cpu",
        "threads": 1,
        "precision": "float32",
    },
)
ARRAYS = {
    "losses": np.array([0.5, 0.25], np.float32),
    "logits/validation": np.array([[[0, 1], [0, 1], [1, 0]]], np.float32),
    "targets/validation": np.array([1, 1, 1]),
}
