"""`python -m benchmark.speed.forecasts`: runs of many kinds beside their forecasts, in seconds of the processor.

Everything runs on one thread and is measured in CPU seconds of the process, so that other programs hardly
matter. The machine's rates are measured before and after each run. MiniLM and GLUE's data must be in the
hub's cache, or be left out with `--embedded`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.command import carried_out, parse, parser_of
from benchmark.config.compose import run_config
from benchmark.config.schema import RunConfig
from benchmark.forecast import probe
from benchmark.forecast.devices import Rates
from benchmark.forecast.estimate import by_arithmetic
from benchmark.forecast.lengths import lengths_of
from benchmark.forecast.operations import batch_of, of_methods, update_seconds
from benchmark.forecast.shapes import shape_of
from benchmark.forecast.work import evaluations_of, updates_of
from benchmark.places import in_home

OF_UPDATES, OF_RUNS, ENOUGH = (
    0.2,
    0.3,
    0.9,
)  # the relative error that forecasts may have, and the share of forecasts that must keep within it
WARM = ("task=opinion", "protocol.epochs=null", "protocol.steps=2")
EMBEDDED = (
    ("task=opinion",),
    ("task=opinion", "method=[rdrop]"),
    ("task=comparison", "method=[hype_n]"),
    ("task=closeness", "method=[noisytune]"),
    ("task=inference", "protocol.epochs=4"),
)
MINILM = (
    ("task=cola", "protocol.steps=16"),
    ("task=cola", "method=[pats]", "protocol.steps=16"),
    ("task=rte", "protocol.steps=12"),
    ("task=rte", "method=[lnsr]", "protocol.steps=8"),
    ("task=mrpc", "method=[hype_n]", "protocol.steps=12"),
    ("task=mrpc", "method=[freelb]", "protocol.steps=6"),
    ("task=stsb", "method=[rdrop]", "protocol.steps=10"),
    ("task=stsb", "protocol.batch_size=16", "protocol.steps=20"),
    ("task=sst2", "protocol.steps=16"),
    ("task=wnli", "protocol.steps=12"),
)
DESCRIPTION = """\
Compare forecasts with runs made now, on this machine's CPU, one after another and each on one thread.
"""


@dataclass
class UpdateTimes:
    """A progress callback that notes the processor's time at each update."""

    times: list[float] = field(default_factory=list)

    def __call__(self, unit: str, done: int, total: int) -> None:
        if unit == "updates":
            self.times.append(time.process_time())

    @property
    def update(self) -> float:
        """Seconds of the usual update: the median between two, so that evaluations do not count."""
        return median(later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False))


@dataclass(frozen=True)
class BesideForecast:
    """A run beside its forecast: seconds of an update and of the whole run, said and measured.

    ``products`` is the machine's rate at that time, in floating-point operations a second.
    """

    name: str
    products: float
    said_update: float
    update: float
    said: float
    whole: float

    @property
    def close_update(self) -> bool:
        """True if the forecast of an update is close enough."""
        return abs(self.said_update / self.update - 1) <= OF_UPDATES

    @property
    def close(self) -> bool:
        """True if the forecast of the run is close enough."""
        return abs(self.said / self.whole - 1) <= OF_RUNS

    def __str__(self) -> str:
        return (
            f"{self.name:<48} {self.products / 1e9:7.1f} {1000 * self.said_update:8.1f} {1000 * self.update:8.1f} "
            f"{self.said_update / self.update:6.2f} {self.said:8.1f} {self.whole:8.1f} {self.said / self.whole:6.2f}"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 if forecasts are too far off, or 2 for a refusal."""
    parser = parser_of("benchmark.speed.forecasts", DESCRIPTION)
    parser.add_argument("--embedded", action="store_true", help="only runs that need no downloads")
    parser.add_argument("--cache", type=in_home, default=Path(".cache"), help="cache of the runs")
    options = parse(parser, arguments)
    return carried_out(lambda: compare(EMBEDDED if options.embedded else (*EMBEDDED, *MINILM), options.cache))


def compare(choices: Sequence[Sequence[str]], cache: Path) -> int:
    """Compare all; return 0 if nine in ten forecasts of both kinds are close enough."""
    head = ("ms said", "measured", "ratio", "s said", "measured", "ratio")
    print(f"{'run':<48} {'GFLOP/s':>7} {'{:>8} {:>8} {:>6} {:>8} {:>8} {:>6}'.format(*head)}")
    seen = []
    for compared in made(choices, cache):
        print(compared, flush=True)
        seen.append(compared)
    of_updates, of_runs = (sum(getattr(one, name) for one in seen) for name in ("close_update", "close"))
    print(
        f"updates within {OF_UPDATES:.0%}: {of_updates} of {len(seen)}; "
        f"runs within {OF_RUNS:.0%}: {of_runs} of {len(seen)}"
    )
    return 0 if min(of_updates, of_runs) >= ENOUGH * len(seen) else 1


def made(choices: Sequence[Sequence[str]], cache: Path) -> Iterator[BesideForecast]:
    """Make each run and compare it, with the machine's rates before and after it."""
    from benchmark.models import pretrained
    from benchmark.runs.run import Run, run
    from benchmark.tasks import loading as tasks

    with tempfile.TemporaryDirectory() as store:

        def config_of(words: Sequence[str]) -> RunConfig:
            model = "embedded" if words in (WARM, *EMBEDDED) else "minilm"
            length = [] if model == "embedded" else ["protocol.learning_rate=2e-5", "protocol.epochs=null"]
            config = run_config(f"model={model}", *words, *length, "device=cpu", "tracker=none")
            return replace(config, store=store, cache=str(cache), snapshot_minutes=None)

        run(Run(config_of(WARM)))  # imports
        after = probe.rates()
        for words in choices:
            config, watch, before = config_of(words), UpdateTimes(), after
            tokenizer = pretrained.tokenizer(config.model, cache, len(config.task.text) > 1)
            tasks.load(
                config, tokenizer
            )  # built and tokenised once for many runs, so this time is not counted
            began = time.process_time()
            run(Run(config), watch)
            whole, after = time.process_time() - began, probe.rates()
            rates = between(before, after)
            name = f"{config.model.name} {' '.join(words)}".replace("protocol.", "")
            said_each, said_whole = said_update(config, rates), said_run(config, rates)
            yield BesideForecast(name, rates.products["float32"], said_each, watch.update, said_whole, whole)


def between(before: dict[str, Any], after: dict[str, Any]) -> Rates:
    """The mean of two measurements of this machine, whose speed changes."""
    products = {name: (rate + after["products"][name]) / 2 for name, rate in before["products"].items()}
    single = {name: (before[name] + after[name]) / 2 for name in probe.SINGLE}
    return probe.as_rates({"products": products, **single})


def said_update(config: RunConfig, rates: Rates) -> float:
    """Seconds of an update, as forecast."""
    shape, lengths, protocol = shape_of(config.model), lengths_of(config), config.protocol
    assert shape is not None
    assert lengths is not None
    batch = batch_of(lengths.training, protocol.batch_size, shape.padded)
    every = config.task.kind != "classification"
    seconds = update_seconds(shape, batch, every, of_methods(config.method), rates, protocol.precision)
    assert seconds is not None
    return seconds


def said_run(config: RunConfig, rates: Rates) -> float:
    """Seconds of a run in a process with imports, as forecast."""
    shape, lengths = shape_of(config.model), lengths_of(config)
    assert shape is not None
    assert lengths is not None
    whole = lengths.training.examples
    updates = updates_of(config, whole)
    assert updates is not None
    forecast = by_arithmetic(config, shape, lengths, updates, evaluations_of(config, updates, whole), rates)
    assert forecast.seconds is not None
    return forecast.seconds


if __name__ == "__main__":
    sys.exit(main())
