"""What runs cost beside their updates: starting, finding a record, and each method's extra work."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np

from benchmark.config.compose import ROOT
from benchmark.speed.conditions import Conditions

METHOD_TASK, METHOD_ROUNDS = "cola", 3


def starts(here: Conditions) -> dict[str, float]:
    """Seconds by what they buy."""
    from benchmark.runs.run import Run, run
    from benchmark.speed.sides import composed

    found = {}
    overrides = [f"device={here.device}", f"protocol.precision={here.precision}", f"threads={here.threads}"]
    for name, code in {
        "import what a plan needs": "import benchmark.grids.grid",
        "import what a run needs": "import benchmark.training.loop, benchmark.models.pretrained, benchmark.methods",
    }.items():
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        found[name] = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as store:
        for seed in (1, 2, 3):
            run_of = [f"seed={seed}", "data.count=64", "protocol.epochs=1", *overrides]
            config = replace(composed(run_of), store=store)
            started = time.perf_counter()
            seconds = run(Run(config)).seconds
            found["start a further run in a warm process (embedded encoder)"] = (
                time.perf_counter() - started - seconds.train - seconds.evaluate
            )
        started = time.perf_counter()
        run(Run(config))
        found["find a run in the store"] = time.perf_counter() - started
    return found


def methods(model_name: str, here: Conditions) -> dict[str, float]:
    """The time of an update with each method of conf/method, relative to plain fine-tuning; all passes computed."""
    from benchmark.speed.sides import composed, load, ours

    here = replace(here, replay=False)
    model, _, task = load(model_name, METHOD_TASK, 20 if here.on_gpu else 4, here.device)
    found = {}
    for path in sorted((ROOT / "conf" / "method").glob("*.yaml")):
        name = path.stem
        config = composed([f"model={model_name}", f"task={METHOD_TASK}", f"method=[{name}]"])
        method = config.method
        ratios = []
        for _ in range(METHOD_ROUNDS):
            beside = ours(copy.deepcopy(model), task, here).seconds
            ratios.append(ours(copy.deepcopy(model), task, here, method).seconds / beside)
        found[name] = float(np.median(ratios))
        print(f"{name}: {found[name]:.2f}x", file=sys.stderr)
    return found
