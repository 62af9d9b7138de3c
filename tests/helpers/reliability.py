"""`make reliability`: kill what makes a grid, at random moments, and see that nothing is lost.

Grids of small runs are made again and again. Signals (KILL, TERM, INT, HUP) go to a random process: the
driver, its fork server, or a run. A driver that ended is started again. Then several drivers share a store.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.config.compose import ROOT
from benchmark.records.lease import LEASES
from benchmark.records.store import Store
from benchmark.records.workers import WORKERS
from benchmark.runs.tracking import Tracker

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
RUNS = 16
GRID = ["task=opinion", "method=[],[noisytune]", "protocol.epochs=null", "protocol.steps=60", "data.count=64"]
OFTEN = ["snapshot_minutes=0.002", "+tracker._target_=helpers.reliability.Count", "+tracker.file='{file}'"]
GONE_AFTER = 60.0  # seconds in which all processes of a driver that ended are gone
MARK = "RELIABILITY_OF"


@dataclass
class Count(Tracker):
    """A tracker that counts the runs that were trained to their end."""

    file: str = ""

    def track(self, record: Any, arrays: Any, purpose: str | None, new: bool) -> None:
        if new:
            with open(self.file, "a") as file:
                file.write(f"{record.run_id}\n")


@dataclass
class Tally:
    """The outcome of an experiment."""

    signals: Counter[str] = field(default_factory=Counter)
    grids: int = 0
    records: int = 0
    lost: int = 0
    other_bits: int = 0
    twice: int = 0
    living_on: int = 0
    litter: list[str] = field(default_factory=list)
    tracebacks: int = 0

    def lines(self) -> list[str]:
        """The rows of a table in Markdown."""
        sent = ", ".join(f"{count} {name}" for name, count in sorted(self.signals.items()))
        rows = {
            "signals sent": sent or "none",
            "grids / records": f"{self.grids} / {self.records}",
            "records lost or damaged": self.lost,
            "records with other bits than an undisturbed grid's": self.other_bits,
            "runs trained to their end more than once": self.twice,
            f"drivers whose processes were there after {GONE_AFTER:.0f} s": self.living_on,
            "litter": ", ".join(self.litter) or "none",
            "tracebacks": self.tracebacks,
        }
        return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def begun(folder: Path, runs: int = RUNS, workers: int = 2) -> subprocess.Popen[str]:
    """A driver of the grid with its store in ``folder``."""
    words = [word.format(file=folder / "trained") for word in OFTEN]
    command = [sys.executable, "-m", "benchmark.reproduce", "demo/noisytune", *GRID, *words]
    command += [f"seed=range(1,{runs // 2 + 1})", f"store='{folder / 'store'}'", f"--workers={workers}"]
    command += ["--output", str(folder / "tables")]
    environment = os.environ | {
        MARK: str(folder),
        "BENCHMARK_TRUSTED": "helpers",
        "PYTHONPATH": str(ROOT / "tests"),
        "HF_HUB_OFFLINE": "1",
    }
    said = (folder / f"said-{time.monotonic_ns()}").open("w")
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=said, stderr=said, text=True, start_new_session=True
    )


def family(folder: Path) -> dict[int, str]:
    """The living processes of the drivers of ``folder``: driver, server or run."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state = (path / "stat").read_text().rpartition(")")[2].split()
            words = (path / "cmdline").read_bytes()
            ours = f"{MARK}={folder}".encode() in (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if ours and state[0] != "Z" and b"resource_tracker" not in words:
            parent = int(state[1])
            found[int(path.name)] = "driver" if b"benchmark.reproduce" in words else f"server of {parent}"
    servers = {pid for pid, what in found.items() if what != "driver"}
    return {
        pid: "driver" if what == "driver" else "run" if int(what.split()[-1]) in servers else "server"
        for pid, what in found.items()
    }


def disturb(folder: Path, signals: int, draw: random.Random, tally: Tally) -> int:
    """Make a grid to its end, with at most so many ``signals`` on the way; return their number."""
    sent = 0
    driver = begun(folder)
    while driver.poll() is None or driver.returncode != 0:
        if driver.poll() is not None:
            deadline = time.monotonic() + GONE_AFTER
            while family(folder) and time.monotonic() < deadline:
                time.sleep(0.2)
            tally.living_on += bool(family(folder))
            driver = begun(folder)
        wait = draw.uniform(0.5, 6.0) if sent < signals else 1.0
        begun_at = time.monotonic()
        while driver.poll() is None and time.monotonic() - begun_at < wait:
            time.sleep(0.1)
        there = family(folder)
        kinds = sorted(set(there.values()))
        if sent < signals and driver.poll() is None and "run" in kinds:
            kind, number = draw.choice(kinds), draw.choice(SIGNALS)
            try:
                os.kill(draw.choice(sorted(pid for pid, what in there.items() if what == kind)), number)
            except ProcessLookupError:
                continue
            tally.signals[f"{signal.Signals(number).name} of a {kind}"] += 1
            sent += 1
    return sent


def judge(folder: Path, straight: Store, tally: Tally, runs: int = RUNS) -> None:
    """Compare the store of a finished grid with that of an undisturbed one."""
    store = Store(folder / "store")
    trained = Counter((folder / "trained").read_text().split())
    names = sorted(path.name for path in straight.folder.iterdir() if (path / "record.json").exists())
    assert len(names) == runs
    tally.grids += 1
    for name in names:
        ours, theirs = store.find(name), straight.find(name)
        if ours is None or theirs is None:
            tally.lost += 1
            continue
        tally.records += 1
        arrays, expected = store.arrays(name), straight.arrays(name)
        same = (ours.scores, ours.curve) == (theirs.scores, theirs.curve) and arrays.keys() == expected.keys()
        same = same and all(np.array_equal(arrays[key], expected[key]) for key in expected)
        tally.other_bits += not same
    tally.twice += sum(count - 1 for count in trained.values())
    time.sleep(2)
    folders = [store.folder / LEASES, store.folder / WORKERS, store.folder / "unfinished"]
    left = [path for place in folders if place.is_dir() for path in place.iterdir()]
    left += [*store.folder.glob(".writing-*"), *store.folder.glob("set-aside")]
    tally.litter += [str(path.relative_to(store.folder)) for path in left]
    tally.tracebacks += sum("Traceback" in path.read_text() for path in folder.glob("said-*"))


def share(folder: Path, drivers: int, runs: int, tally: Tally) -> None:
    """Let several drivers make one grid at once."""
    folder.mkdir()
    started = [begun(folder, runs, 1) for _ in range(drivers)]
    assert [driver.wait() for driver in started] == [0] * drivers


def main() -> None:
    """Run the experiments, and print or write their tables."""
    parser = argparse.ArgumentParser(prog="python -m helpers.reliability", description=__doc__)
    parser.add_argument("--signals", type=int, default=100)
    parser.add_argument("--drivers", type=int, default=4)
    parser.add_argument("--shared-runs", type=int, default=200, help="of the grid that drivers share")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, help="a file in Markdown, such as results/reference/reliability.md"
    )
    options = parser.parse_args()
    draw, begin = random.Random(options.seed), time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="reliability-"))
    kills, sharing = Tally(), Tally()
    title = [
        "# Reliability",
        "",
        f'`make reliability ARGS="--signals {options.signals} --seed {options.seed}"`',
        "",
    ]

    def tell() -> None:
        """Say what is known so far: the experiments take long."""
        rows = [*title, f"## One driver, {RUNS} runs a grid, two at a time", "", *kills.lines(), ""]
        if sharing.grids:
            rows += [f"## {options.drivers} drivers at once on one store", "", *sharing.lines(), ""]
        if options.output:
            options.output.write_text("\n".join(rows))
        print("\n".join(rows), flush=True)

    (place / "straight").mkdir()
    assert begun(place / "straight").wait() == 0
    number = 0
    while number < options.signals:
        folder = place / f"grid{number}"
        folder.mkdir()
        number += disturb(folder, options.signals - number, draw, kills) or 1
        judge(folder, Store(place / "straight" / "store"), kills)
        print(f"{number}/{options.signals} signals, {time.monotonic() - begin:.0f} s", file=sys.stderr)
        tell()
    if options.drivers > 1:
        (place / "alone").mkdir()
        assert begun(place / "alone", options.shared_runs).wait() == 0
        share(place / "shared", options.drivers, options.shared_runs, sharing)
        judge(place / "shared", Store(place / "alone" / "store"), sharing, options.shared_runs)
        tell()
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
