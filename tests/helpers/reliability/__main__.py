"""`make reliability`: kill what makes a grid, at random moments, and count what is lost.

Grids of small runs are made again and again, and signals (KILL, TERM, INT, HUP) go to random processes: the
driver, a worker, a fork server, a run, and what a cluster consists of. A driver that has ended is started again.
Then several drivers share a store.
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
from pathlib import Path

from benchmark.config.compose import ROOT
from benchmark.records.store import Store
from helpers.reliability.places import Place, place_of
from helpers.reliability.processes import MARK, family, makers
from helpers.reliability.tally import Tally

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OURS = ("driver", "worker", "server", "run")  # are sent any signal; what belongs to a cluster is killed
RUNS = 24
AT_MOST = 20  # signals to a grid: it is to end, too
GRID = ["task=opinion", "method=[],[noisytune]", "protocol.epochs=null", "protocol.steps=30", "data.count=64"]
OFTEN = ["snapshot_minutes=0.002", "+tracker._target_=helpers.reliability.counting.Count"]
RUNS_FIRST = 3  # times as often as any other kind of process: they are begun again soonest
GONE_AFTER = 60.0  # seconds in which all processes of a driver that ended are gone
TOO_LONG = 1800.0  # seconds for a grid


class Experiment:
    """Grids that the ``place`` makes below ``folder``."""

    def __init__(self, folder: Path, place: Place, draw: random.Random) -> None:
        self.folder, self.place, self.draw, self.tally = folder, place, draw, Tally()
        folder.mkdir(exist_ok=True)
        os.environ[MARK] = str(folder)

    def begun(self, folder: Path, runs: int = RUNS, workers: int = 2) -> subprocess.Popen[str]:
        """A driver of the grid with its store in ``folder``."""
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmark.reproduce", "demo/noisytune", *GRID, *OFTEN]
        command += [f"+tracker.file='{folder / 'trained'}'", *self.place.words]
        command += [f"seed=range(1,{runs // 2 + 1})", f"store='{folder / 'store'}'", f"--workers={workers}"]
        command += ["device=cpu", "--output", str(folder / "tables")]
        said = (folder / f"said-{time.monotonic_ns()}").open("w")
        self.tally.drivers += 1
        return subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=said, text=True, start_new_session=True
        )

    def disturb(self, folder: Path, signals: int) -> int:
        """Make a grid to its end, with at most so many ``signals`` on the way; return their number."""
        sent, last = 0, time.monotonic() + TOO_LONG
        driver = self.begun(folder)
        while driver.poll() is None or driver.returncode != 0:
            if driver.poll() is not None:
                if self.place.owns:
                    self.gone()
                driver = self.begun(folder)
            assert time.monotonic() < last, f"the grid in {folder} does not end"
            self.pass_time(driver, sent < signals)
            if sent < signals and driver.poll() is None:
                sent += self.hit()
            self.place.mend()
        self.place.wait()
        self.gone()
        return sent

    def pass_time(self, driver: subprocess.Popen[str], random: bool) -> None:
        """Wait for a second, or a ``random`` time; four in five begin when a run is going on."""
        last = time.monotonic() + 60
        with_a_run = random and self.draw.random() > 0.2
        while with_a_run and driver.poll() is None and time.monotonic() < last:
            if "run" in family(str(self.folder)).values():
                break
            time.sleep(0.1)
        last = time.monotonic() + (self.draw.uniform(0.0, 2.0) if random else 1.0)
        while driver.poll() is None and time.monotonic() < last:
            time.sleep(0.05)

    def hit(self) -> int:
        """Send a random signal to a random process of a random kind; return the number of signals sent."""
        there = family(str(self.folder))
        kinds = sorted(set(there.values()))
        [kind] = self.draw.choices(kinds, [RUNS_FIRST if kind == "run" else 1 for kind in kinds])
        number = self.draw.choice(SIGNALS) if kind in OURS else signal.SIGKILL
        try:
            os.kill(self.draw.choice(sorted(pid for pid, what in there.items() if what == kind)), number)
        except ProcessLookupError:
            return 0
        self.tally.signals[f"{kind} {signal.Signals(number).name}"] += 1
        return 1

    def gone(self) -> None:
        """Wait for the processes of a driver that has ended, and count those that stay."""
        last = time.monotonic() + GONE_AFTER
        while (there := makers(str(self.folder))) and time.monotonic() < last:
            time.sleep(0.2)
        self.tally.living_on += len(there)


def undisturbed(root: Path, runs: int) -> Store:
    """The store of a grid of so many ``runs`` on this machine that nobody disturbs."""
    folder = root / f"undisturbed-{runs}"
    driver = Experiment(root, Place(), random.Random()).begun(folder, runs)
    assert driver.wait() == 0, next(folder.glob("said-*")).read_text()
    return Store(folder / "store")


def kills(experiment: Experiment, signals: int, expected: Store) -> Tally:
    """Make grids until so many ``signals`` were sent."""
    number, tally = 0, experiment.tally
    while number < signals:
        folder = experiment.folder / f"grid{number}"
        number += experiment.disturb(folder, min(AT_MOST, signals - number)) or 1
        tally.judge(folder, expected)
        wrong = {name: count for name, count in tally.faults().items() if count}
        print(
            f"{experiment.folder.name}: {number}/{signals} signals, {tally.minutes:.1f} min, {wrong or 'all well'}",
            file=sys.stderr,
        )
    return tally


def share(experiment: Experiment, drivers: int, runs: int, expected: Store) -> Tally:
    """Let several drivers make one grid at once."""
    folder = experiment.folder / "grid"
    started = [experiment.begun(folder, runs, 1) for _ in range(drivers)]
    assert [driver.wait() for driver in started] == [0] * drivers
    experiment.gone()
    experiment.tally.judge(folder, expected)
    return experiment.tally


def table(tallies: dict[str, Tally]) -> list[str]:
    """The lines of a table in Markdown with a column for each experiment."""
    columns = [tally.rows() for tally in tallies.values()]
    lines = [" | ".join(["", *tallies]), " | ".join(["---"] * (len(tallies) + 1))]
    lines += [" | ".join([name, *(str(column[name]) for column in columns)]) for name in columns[0]]
    return [f"| {line} |" for line in lines]


def main() -> None:
    """Run the experiments, and print or write their table."""
    parser = argparse.ArgumentParser(prog="python -m helpers.reliability", description=__doc__)
    parser.add_argument("--engines", default="local,ray,slurm", help="of these, in this order")
    parser.add_argument("--signals", type=int, default=100, help="on each engine")
    parser.add_argument("--drivers", type=int, default=4, help="that share a store at last; 1: none")
    parser.add_argument("--shared-runs", type=int, default=200, help="of the grid that they share")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a file, such as results/reference/reliability.md")
    options = parser.parse_args()
    said = f"--engines {options.engines} --signals {options.signals} --drivers {options.drivers}"
    said += f" --shared-runs {options.shared_runs} --seed {options.seed}"
    title = ["# Reliability", "", f'`make reliability ARGS="{said}"`', ""]
    title += [f"Grids of {RUNS} runs, two at a time, and at most {AT_MOST} signals to each.", ""]
    root, draw = Path(tempfile.mkdtemp(prefix="reliability-")), random.Random(options.seed)
    os.environ |= {"BENCHMARK_TRUSTED": "helpers", "PYTHONPATH": str(ROOT / "tests"), "HF_HUB_OFFLINE": "1"}
    tallies: dict[str, Tally] = {}

    def tell() -> None:
        """Say what is known so far: the experiments take long."""
        text = "\n".join([*title, *table(tallies), ""])
        if options.output:
            options.output.write_text(text)
        print(text, flush=True)

    expected = undisturbed(root, RUNS)
    for engine in options.engines.split(","):
        os.environ[MARK] = str(root / engine)  # what a place starts has it, too
        with place_of(engine) as place:
            experiment = Experiment(root / engine, place, draw)
            tallies[f"engine={engine}"] = kills(experiment, options.signals, expected)
        tell()
    if options.drivers > 1:
        expected = undisturbed(root, options.shared_runs)
        experiment = Experiment(root / "shared", Place(), draw)
        tallies[f"{options.drivers} drivers"] = share(
            experiment, options.drivers, options.shared_runs, expected
        )
        tell()
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
