"""The whole site: what has changed is made in several processes, and what stands between pages at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.records.store import Store
from benchmark.runs.parallel import in_processes
from benchmark.site import documents, inputs, manifest, method_facts
from benchmark.site.manifest import Manifest
from benchmark.site.pages import Site
from benchmark.site.run_pages import RunPages

Tell = Callable[[str, int, int], None]
CHUNK = 50  # run pages that a process makes at a time
PRELOAD = ["benchmark.site.run_pages", "benchmark.site.table_pages"]


@dataclass
class Made:
    """What a build has made: pages by kind, and what could not be read."""

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
    before = manifest.load(output)
    output.mkdir(parents=True, exist_ok=True)
    now = Manifest(inputs.of_project([*names, *overrides]), files=before.files)
    now.save(output)  # whatever ends the build: these files are the site's own
    site, stamps, made = Site(output), inputs.stamps(store), Made()
    old = before if before.project == now.project else Manifest()
    _tables(site, store, (names, overrides), (old, now), stamps, (made, begin, tell))
    _runs(site, store, (old, now), stamps, (made, begin, tell))
    from benchmark.site import overview

    shared = overview.write(site, store, now, documents.every(), method_facts.every())
    documents.write(site, documents.every())
    now.files = [
        *site.write_assets(),
        *shared,
        *(table["path"] for table in now.tables.values()),
        *(run["path"] for run in now.runs.values() if not run["problem"]),
        *(document.path for document in documents.every()),
    ]
    manifest.remove_others(output, before.files, now.files)
    now.save(output)
    return made


def _tables(
    site: Site,
    store: Store,
    asked: tuple[Sequence[str], Sequence[str]],
    manifests: tuple[Manifest, Manifest],
    stamps: inputs.Stamps,
    told: tuple[Made, Callable[[], None], Tell],
) -> None:
    (names, overrides), (old, now), (made, begin, tell) = asked, manifests, told

    def key(table: dict[str, Any]) -> str:
        return inputs.digest([[run, stamps.get(run)] for run in table["run_ids"]])

    kept = {name: old.tables[name] for name in names if _stands(site, old.tables.get(name), key)}
    changed = [name for name in names if name not in kept]
    found = dict(kept)
    if changed:
        from benchmark.site.table_pages import TablePages

        work = TablePages(site, store, overrides)
        for name, table in in_processes(work, changed, PRELOAD, begin):
            found[name] = table | {"key": key(table)}
            tell("tables made", len(found) - len(kept), len(changed))
    refused = [table["problem"] for table in found.values() if table["problem"]]
    if overrides and names and len(refused) == len(names):
        raise BenchmarkError(refused[0])
    now.tables = {name: found[name] for name in names}
    made.tables, made.kept = len(changed), len(kept)


def _stands(site: Site, entry: dict[str, Any] | None, key: Callable[[dict[str, Any]], str]) -> bool:
    """True if a page of the last build is still what a new one would be."""
    if not entry or entry["key"] != key(entry):
        return False
    return not entry["path"] or (site.folder / entry["path"]).is_file()  # what cannot be shown has none


def _runs(
    site: Site,
    store: Store,
    manifests: tuple[Manifest, Manifest],
    stamps: inputs.Stamps,
    told: tuple[Made, Callable[[], None], Tell],
) -> None:
    (old, now), (made, begin, tell) = manifests, told
    tables: dict[str, list[tuple[str, str]]] = {}
    for table in now.tables.values():
        for folder in table["places"]:
            tables.setdefault(folder, []).append((table["title"], table["path"]))
    folders = {name: stamp for of_run in stamps.values() for name, stamp in of_run.items() if "/" not in name}
    keys = {name: inputs.digest(stamp, tables.get(name)) for name, stamp in folders.items()}
    now.runs = {
        name: old.runs[name]
        for name in keys
        if _stands(site, old.runs.get(name), lambda _, name=name: keys[name])  # type: ignore[misc]
    }
    changed = [name for name in keys if name not in now.runs]
    made.runs, made.kept, done = len(changed), made.kept + len(now.runs), 0
    for _, entries in in_processes(RunPages(site, store, tables), [*_chunks(changed)], PRELOAD[:1], begin):
        done += len(entries)
        tell("runs shown", done, len(changed))
        for entry in entries:
            now.runs[entry["folder"]] = {"path": ""} | entry | {"key": keys[entry["folder"]]}
    now.runs = {name: now.runs[name] for name in sorted(now.runs)}
    made.problems += [f"{name}: {run['problem']}" for name, run in now.runs.items() if run["problem"]]


def _chunks(folders: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(folders), CHUNK):
        yield folders[first : first + CHUNK]
