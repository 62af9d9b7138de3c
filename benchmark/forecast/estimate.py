"""The forecast of a planned run: its seconds with a range, its bytes on disk and in memory, or why it has none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from benchmark.config.schema import PRECISIONS, RunConfig
from benchmark.errors import BenchmarkError
from benchmark.forecast import at_hand, devices, gpus, operations, probe
from benchmark.forecast.devices import DATASHEET, HERE, Rates
from benchmark.forecast.lengths import TaskLengths, lengths_of
from benchmark.forecast.operations import batch_of
from benchmark.forecast.shapes import Shape, shape_of
from benchmark.forecast.throughput import Measured, MeasuredRates, workload_of
from benchmark.forecast.work import Work, evaluations_of, updates_of, work_of
from benchmark.progress import hearer, silence
from benchmark.runs.resources import processor, room

# The time of a run before its first update and after its last evaluation, in starts of operations on a CPU.
LOADING, LOADING_ON_GPU = 12_000, 1.0  # seconds on a GPU
OF_TRAINING = 2e-5  # seconds of reading a tokenised training example
OF_EXAMPLE = 6e-5  # seconds of the host for an example of an evaluation
FIRST = 1.5  # the extra time of the first update, in updates
# Nine in ten runs stay between these multiples of their forecast, by the origin of the rate.
RANGES = {"runs": (0.85, 1.25), devices.MEASURED: (0.75, 1.4), DATASHEET: (0.5, 2.5)}
RECORD = 20_000  # bytes of a record without outputs
SAVED = 0.9  # bytes of compressed outputs per byte of outputs


@dataclass(frozen=True)
class Forecast:
    """The forecast of a run.

    ``seconds`` lie between ``low`` and ``high``; None if unknown, for the reason ``why``. ``memory`` is bytes at
    the peak, ``megabytes`` those of the record. ``origin`` is of the rate: runs, measured or data sheet.
    """

    seconds: float | None = None
    low: float = 0.0
    high: float = 0.0
    megabytes: float = 0.0
    memory: float = 0.0
    origin: str = ""
    why: str = ""

    @property
    def hours(self) -> float | None:
        """The hours of the run."""
        return None if self.seconds is None else self.seconds / 3600


@dataclass
class Forecaster:
    """Forecasts for a device: ``on`` is `HERE` or a name of `benchmark.forecast.devices`.

    Runs of ``measured`` on the same device take precedence over arithmetic. The machine is measured once, if
    needed.
    """

    measured: Measured = field(default_factory=Measured)
    on: str = HERE
    known: dict[Work, Forecast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises: BenchmarkError for an unknown device."""
        if self.on != HERE:
            devices.named(self.on)

    def of(self, config: RunConfig) -> Forecast:
        """The forecast of a planned run."""
        return self.of_work(work_of(config))

    def of_work(self, work: Work) -> Forecast:
        """The forecast of a run with this work."""
        if work not in self.known:
            self.known[work] = self._forecast(work.config)
        return self.known[work]

    def hours_of(self, work: Work) -> float | None:
        """The hours of a run with this work; None if unknown."""
        return self.of_work(work).hours

    def device_of(self, config: RunConfig) -> str:
        """The name of the device of a run, as records have it, or its beginning."""
        if self.on != HERE:
            return devices.named(self.on).device
        return gpus.name_of(config.device) or processor()

    @cached_property
    def rates_here(self) -> dict[tuple[str, str, int], Rates | str]:
        """The rates of this machine by device, cache and threads.

        A text with the reason if there are none.
        """
        return {}

    def rates_of(self, config: RunConfig) -> Rates | str:
        """The rates of a run's device, or a text that says why there are none."""
        if self.on != HERE:
            return devices.named(self.on)
        key = config.device, config.cache, config.threads
        if key not in self.rates_here:
            self.rates_here[key] = self._rates(config)
        return self.rates_here[key]

    def _rates(self, config: RunConfig) -> Rates | str:
        if (gpu := gpus.name_of(config.device)) is not None:
            like = [rates for rates in devices.NAMED.values() if gpu.startswith(rates.device)]
            if like:
                return max(like, key=lambda rates: len(rates.device))
            return f"{gpu} is not in the table of devices; name the nearest one, e.g. ON=h100"
        if config.device.startswith("cuda"):
            return f"device={config.device}: no GPU here; name one, e.g. ON=h100"
        try:
            rates = probe.machine(Path(config.cache), room(config.threads, "cpu"))
        except BenchmarkError as error:
            return f"the rate of this machine could not be measured ({error}); name a device, e.g. ON=h100"
        faster = 1 + 0.8 * (config.threads - 1)
        products = {name: rate * faster for name, rate in rates.products.items()}
        return replace(
            rates, products=products, large=rates.large * faster, activation=rates.activation / faster
        )

    def _forecast(self, config: RunConfig) -> Forecast:
        rates = self.measured.rates(workload_of(config), self.device_of(config))
        shape, lengths = shape_of(config.model), lengths_of(config)
        if lengths is None:
            hearer(silence)(f"counting tokens of {config.task.name} (once)", 0, 0)
            lengths = at_hand.lengths_at_hand(config)
        whole = self.measured.examples.get(config.task.name)
        if whole is None and lengths is not None:
            whole = lengths.training.examples
        updates = updates_of(config, whole)
        if updates is None:
            return Forecast(why=_unknown_lengths(config))
        evaluations = evaluations_of(config, updates, whole)
        if rates is not None:
            return _of_runs(rates, updates, evaluations, shape, lengths, config)
        if shape is None:
            return Forecast(why=f"model {config.model.name}: its size is unknown, for it is not here")
        if lengths is None:
            return Forecast(why=_unknown_lengths(config))
        device = self.rates_of(config)
        if isinstance(device, str):
            return Forecast(why=device)
        return by_arithmetic(config, shape, lengths, updates, evaluations, device)


def by_arithmetic(
    config: RunConfig, shape: Shape, lengths: TaskLengths, updates: int, evaluations: int, device: Rates
) -> Forecast:
    """The forecast of a run from operations and bytes."""
    precision, protocol = config.protocol.precision, config.protocol
    cost, every = operations.of_methods(config.method), config.task.kind != "classification"
    parts = math.ceil(protocol.batch_size / (protocol.micro_batch_size or protocol.batch_size))
    padded = shape.padded or not config.packed
    batch = batch_of(lengths.training, protocol.batch_size, padded)
    update = operations.update_seconds(shape, batch, every, cost, device, precision, parts)
    if update is None:
        has = ", ".join(name for name in PRECISIONS if name in device.products)
        return Forecast(why=f"protocol.precision={precision}: {device.name} has {has}")
    loading = LOADING_ON_GPU if device.on_gpu else LOADING * device.dispatch
    loading += OF_TRAINING * lengths.training.examples
    seconds = loading + (updates + FIRST) * update
    seconds += cost.survey * update * lengths.training.examples / protocol.batch_size
    for name, of_set in lengths.evaluation.items():
        times = 1 if name in lengths.last_only else evaluations
        once = operations.evaluation_seconds(shape, of_set, every, device, precision, OF_EXAMPLE)
        seconds += times * (once or 0.0)
    low, high = RANGES[device.origin]
    return Forecast(
        seconds,
        low * seconds,
        high * seconds,
        _megabytes(config, lengths, updates, evaluations),
        operations.memory(shape, lengths.training, protocol.batch_size, cost, precision),
        device.origin,
    )


def _of_runs(
    rates: MeasuredRates,
    updates: int,
    evaluations: int,
    shape: Shape | None,
    lengths: TaskLengths | None,
    config: RunConfig,
) -> Forecast:
    """The forecast of a run from finished runs of the same workload."""
    loading = LOADING_ON_GPU if rates.loading is None else rates.loading
    seconds = loading + updates * rates.update + evaluations * rates.evaluation
    low, high = RANGES["runs"]
    peak = rates.memory or 0.0
    if not peak and shape and lengths:
        cost, protocol = operations.of_methods(config.method), config.protocol
        peak = operations.memory(shape, lengths.training, protocol.batch_size, cost, protocol.precision)
    return Forecast(seconds, low * seconds, high * seconds, rates.megabytes, peak, "runs")


def _megabytes(config: RunConfig, lengths: TaskLengths, updates: int, evaluations: int) -> float:
    """The megabytes of a record: losses, and the outputs of every evaluation."""
    units, total = max(1, len(config.task.labels)), 4.0 * updates + RECORD
    for name, of_set in lengths.evaluation.items():
        values_of_example = units if config.task.kind == "classification" else of_set.mean / 2
        total += (
            SAVED
            * 4
            * of_set.examples
            * values_of_example
            * (1 if name in lengths.last_only else evaluations)
        )
    return total / 1e6


def _unknown_lengths(config: RunConfig) -> str:
    name, lacking = config.task.name, at_hand.lacking(config)
    why = f"not here: {' and '.join(lacking)}" if lacking else "they could not be counted here"
    return f"task {name}: its lengths are not in the table, and {why}"
