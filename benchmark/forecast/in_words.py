"""Forecasts in words and numbers for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmark.config.schema import RunConfig
from benchmark.forecast.devices import HERE
from benchmark.forecast.estimate import Forecast, Forecaster
from benchmark.runs.resources import MOST, room

UNKNOWN = "unknown"
CONTEXT = 0.7 * 2**30  # bytes of a GPU that a process takes beside tensors
REASONS = 5  # why forecasts are missing


def cells(forecasts: Sequence[Forecast]) -> tuple[str, str, str, str]:
    """The hours of runs, their range, megabytes and peak memory; unknown if no run has a forecast."""
    known = [forecast for forecast in forecasts if forecast.seconds is not None]
    if forecasts and not known:
        return (UNKNOWN,) * 4
    hours, low, high = (
        sum(getattr(forecast, name) for forecast in known) / 3600 for name in ("seconds", "low", "high")
    )
    peak = max((forecast.memory for forecast in known), default=0.0) / 2**30
    span = f"{number(low)} - {number(high)}" if known else ""
    return number(hours), span, f"{sum(f.megabytes for f in known):.0f}", f"{peak:.1f}" if peak else ""


def number(hours: float) -> str:
    """Hours with two significant digits."""
    if hours >= 10:
        return f"{hours:,.0f}"
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"


def notes(forecasts: Sequence[Forecast], forecaster: Forecaster, first: RunConfig | None) -> list[str]:
    """Lines on the device, on runs side by side, and on runs without a forecast."""
    known = [forecast for forecast in forecasts if forecast.seconds is not None]
    lines = []
    if known and first is not None:
        lines.append(_device(known, forecaster, first))
    reasons = Counter(forecast.why for forecast in forecasts if forecast.seconds is None)
    lines += [f"unknown, {count} runs: {why}" for why, count in reasons.most_common(REASONS)]
    if len(reasons) > REASONS:
        lines.append(f"unknown for {len(reasons) - REASONS} more reasons")
    return lines


def _device(known: Sequence[Forecast], forecaster: Forecaster, first: RunConfig) -> str:
    """The device, the source of its rates, and the number of runs that it takes at a time."""
    origins = Counter(forecast.origin for forecast in known)
    name = forecaster.device_of(first)
    of_runs = origins.pop("runs", 0)
    parts = [f"{of_runs} runs from runs in the store"] if of_runs else []
    parts += [f"{count} runs by arithmetic, rates {origin}" for origin, count in origins.items()]
    line = f"hours on {name}, one run at a time: {', '.join(parts)}"
    peak = max(forecast.memory for forecast in known)
    memory = None if forecaster.on == HERE and not origins else _memory(forecaster, first)
    if memory is not None:
        fit = int(memory // (peak + CONTEXT))
        return f"{line}; {fit or 'not even one'} of the largest fit at once" + (
            f" (at most {MOST} run)" if fit > MOST else ""
        )
    hours, workers = sum(forecast.seconds or 0.0 for forecast in known) / 3600, room(first.threads, "cpu")
    return (
        f"{line}; {workers} at a time: {number(hours / workers)} h"
        if workers > 1 and forecaster.on == HERE
        else line
    )


def _memory(forecaster: Forecaster, config: RunConfig) -> float | None:
    """The memory in bytes of the GPU of the forecast; None on a CPU."""
    rates = forecaster.rates_of(config)
    return None if isinstance(rates, str) else rates.memory
