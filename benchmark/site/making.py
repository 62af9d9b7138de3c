"""The whole site: changed pages are made in several processes, the pages that connect them at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.progress import Tell
from benchmark.records.store import Store
from benchmark.runs.parallel import in_processes
from benchmark.site import documents, inputs, manifest, method_facts
from benchmark.site.manifest import Manifest
from benchmark.site.pages import Site
from benchmark.site.run_pages import RunPages

CHUNK = 50  # run pages that a process makes at a time
PRELOAD = ["benchmark.site.run_pages", "benchmark.site.table_pages"]


@dataclass
class Made:
    """A build's account: pages by kind, and what could not be read."""

    tables: int = 0
    runs: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)


def make(
    store: Store,
    names: Sequence[str],
    overrides: Sequence[str],
    output: Path,
    begin: Callable[[], None],
    tell: Tell,
) -> Made:
    """Write the site of a store to ``output``; what has not changed since its last build stays.

    ``names`` are the tables, ``begin`` is called in each process, ``tell`` hears of progress. Raises:
    BenchmarkError for a folder of other files, or if no table takes the overrides.
    """
    tell("looking at what changed", 0, 0)
    before = manifest.load(output)
    output.mkdir(parents=True, exist_ok=True)
    now = Manifest(inputs.of_project([*names, *overrides]), files=before.files)
    now.save(output)  # even if the build is interrupted, these files are listed as the site's own
    build = Build(
        Site(output), store, before if before.project == now.project else Manifest(), now, begin, tell
    )
    assets = build.site.write_assets()
    build.make_tables(names, overrides)
    build.make_runs()
    from benchmark.site import overview

    tell("writing the pages between", 0, 0)
    written = documents.every()
    between = overview.write(build.site, store, now, written, method_facts.every())
    documents.write(build.site, written)
    now.files = [
        *assets,
        *between,
        *(table["path"] for table in now.tables.values()),
        *(run["path"] for run in now.runs.values() if not run["problem"]),
        *(document.path for document in written),
    ]
    manifest.remove_others(output, before.files, now.files)
    now.save(output)
    return build.made


@dataclass
class Build:
    """One build of a site: ``old`` is the manifest of the last build, ``now`` that of this one."""

    site: Site
    store: Store
    old: Manifest
    now: Manifest
    begin: Callable[[], None]
    tell: Tell
    made: Made = field(default_factory=Made)

    def __post_init__(self) -> None:
        self.stamps = inputs.stamps(self.store)

    def make_tables(self, names: Sequence[str], overrides: Sequence[str]) -> None:
        """Write the pages of tables. Raises: BenchmarkError if no table takes the overrides."""
        last = self.old.tables
        entries = {
            name: last[name]
            for name in names
            if name in last and self._stands(last[name], self._key(last[name]))
        }
        changed = [name for name in names if name not in entries]
        self.made.tables, self.made.kept = len(changed), len(entries)
        if changed:
            from benchmark.site.table_pages import TablePages

            work = TablePages(self.site, self.store, overrides)
            for number, (name, entry) in enumerate(in_processes(work, changed, PRELOAD, self.begin), 1):
                entries[name] = entry | {"key": self._key(entry)}
                self.tell("tables made", number, len(changed))
        with_runs = [entry for entry in entries.values() if not entry["static"]]
        if overrides and with_runs and all(entry["unplanned"] for entry in with_runs):
            raise BenchmarkError(with_runs[0]["problem"])
        self.now.tables = {name: entries[name] for name in names}

    def make_runs(self) -> None:
        """Write the pages of all runs of the store; each leads to its tables."""
        tables: dict[str, list[tuple[str, str]]] = {}
        for entry in self.now.tables.values():
            for folder in entry["places"]:
                tables.setdefault(folder, []).append((entry["title"], entry["path"]))
        folders = {name: stamp for of_run in self.stamps.values() for name, stamp in of_run.items()}
        keys = {
            name: inputs.digest(stamp, tables.get(name))
            for name, stamp in sorted(folders.items())
            if inputs.RUN.fullmatch(name)
        }
        runs = {
            name: self.old.runs[name]
            for name, key in keys.items()
            if name in self.old.runs and self._stands(self.old.runs[name], key)
        }
        changed = [name for name in keys if name not in runs]
        self.made.runs, self.made.kept = len(changed), self.made.kept + len(runs)
        work, done = RunPages(self.site, self.store, tables), 0
        for _, entries in in_processes(work, [*_chunks(changed)], PRELOAD[:1], self.begin):
            runs |= {
                entry["folder"]: {"path": ""} | entry | {"key": keys[entry["folder"]]} for entry in entries
            }
            done += len(entries)
            self.tell("runs shown", done, len(changed))
        self.now.runs = {name: runs[name] for name in keys}
        problems = ((name, entry["problem"]) for name, entry in self.now.runs.items())
        self.made.problems = [f"{name}: {why}" for name, why in problems if why]

    def _key(self, entry: dict[str, Any]) -> str:
        """The digest of the records and failures of a table's runs."""
        return inputs.digest([[run, self.stamps.get(run)] for run in entry["run_ids"]])

    def _stands(self, entry: dict[str, Any], key: str) -> bool:
        """True if a page of the last build is still up to date; entries without a page are checked again."""
        return not entry["problem"] and entry["key"] == key and (self.site.folder / entry["path"]).is_file()


def _chunks(folders: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(folders), CHUNK):
        yield folders[first : first + CHUNK]
