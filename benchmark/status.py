"""`python -m benchmark.status STORE`: the runs in progress in a store, here and on other machines."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from benchmark.command import carried_out, parse, parser_of
from benchmark.printable import printable
from benchmark.progress import PHASES, duration
from benchmark.records.looked_at import Failed, Look, Making, looked_at
from benchmark.stopping import Stopped

DESCRIPTION = """\
Say what goes on in a store: which runs are being made, where, how far and until when, and what failed and why.

  python -m benchmark.status                         results/runs
  python -m benchmark.status /shared/runs            a store that other machines write, too
  python -m benchmark.status /shared/runs --once     one plain answer, as without a terminal

On a terminal it goes on until Ctrl-C. It reads, and changes nothing.
"""
SHOWN = 6  # failures


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.status", DESCRIPTION)
    parser.add_argument("store", metavar="STORE", nargs="?", type=Path, default=Path("results/runs"))
    parser.add_argument("--once", action="store_true", help="answer once, in plain text")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two looks")
    options = parse(parser, arguments)
    return carried_out(lambda: watch(options.store, options.once, max(0.2, options.every)))


def watch(store: Path, once: bool, every: float) -> int:
    """Show a store, again and again on a terminal. Raises: BenchmarkError for a folder that is not a store."""
    look = looked_at(store)
    if once or not sys.stdout.isatty():
        console = Console(width=200, color_system=None)
        with console.capture() as captured:
            console.print(shown(look))
        print("\n".join(line.rstrip() for line in captured.get().splitlines()))
        return 0
    try:
        with Live(shown(look), auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(shown(looked_at(store)), refresh=True)
    except Stopped:  # Ctrl-C ends the display
        return 0


def shown(look: Look) -> Group:
    """A look at a store, for the terminal."""
    parts: list[Table | Text] = [Text(head(look))]
    if look.grids:
        parts.append(Text("\n".join(map(_grid, look.grids))))
    if look.making:
        table = Table(box=None, pad_edge=False)
        for name in ("run", "what", "where", "how far", "so far", "left"):
            table.add_column(name, no_wrap=name != "what")
        for making in look.making:
            table.add_row(*map(Text, _row(making)))
        parts.append(table)
    parts += [Text(_failure(failed)) for failed in look.failed[:SHOWN]]
    if len(look.failed) > SHOWN:
        parts.append(Text(f"and {len(look.failed) - SHOWN} more failed runs: {look.store}/failures"))
    return Group(*parts, *(Text(printable(line)) for line in look.remarks))


def head(look: Look) -> str:
    """One line: the number of runs in each state."""
    counts = [f"{look.done} in the store", f"{len(look.making)} being made"]
    counts += [f"{look.stopped} stopped, to go on from a snapshot"] if look.stopped else []
    counts += [f"{len(look.failed)} FAILED"] if look.failed else []
    return f"{printable(str(look.store))}: {', '.join(counts)}"


def _grid(facts: dict[str, object]) -> str:
    done, total, spent = _whole(facts, "done"), _whole(facts, "total"), time.time() - _number(facts, "began")
    left = f", {duration(spent / done * (total - done))} left" if done else ""
    left = f", {facts['phase']}" if facts.get("phase") else left
    failed = f", {facts['failed']} FAILED" if facts.get("failed") else ""
    name, where = facts.get("table") or "a grid", f"process {facts.get('pid')} of {facts.get('host')}"
    return printable(f"{name}: {done}/{total} runs, {facts.get('running')} running{left}{failed} ({where})")


def _row(making: Making) -> tuple[str, ...]:
    facts, where = making.facts, making.holder
    if making.silent:
        where = f"{where}, SILENT for {duration(making.silent)}"
    if not facts:
        return tuple(map(printable, (making.run_id, "", where, "not told", "", "")))
    methods = facts.get("method")
    names = ",".join(map(str, methods)) if isinstance(methods, list) else ""
    parts = f"{facts.get('model')} {facts.get('task')} [{names}] seed {facts.get('seed')}"
    unit, done, total = str(facts.get("unit", "")), _whole(facts, "done"), _whole(facts, "total")
    phase = PHASES.get(unit, unit)
    far = f"{phase}, {done}/{total}" if total else phase
    first, spent = _whole(facts, "first"), _number(facts, "at") - _number(facts, "since")
    left = f"{duration(spent / (done - first) * (total - done))}" if total and done > first else ""
    so_far = duration(max(0.0, time.time() - _number(facts, "began")))
    return tuple(map(printable, (making.run_id, parts, where, far, so_far, left)))


def _failure(failed: Failed) -> str:
    again = f" ({failed.times} times)" if failed.times > 1 else ""
    return printable(f"failed {failed.run_id}{again}, {failed.what}: {failed.why}")


def _number(facts: dict[str, object], name: str) -> float:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else time.time()


def _whole(facts: dict[str, object], name: str) -> int:
    value = facts.get(name)
    return int(value) if isinstance(value, int | float) else 0


if __name__ == "__main__":
    sys.exit(main())
