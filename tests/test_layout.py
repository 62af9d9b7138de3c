"""The rooms of the package: who may import whom, and that every name of ours that text speaks of is there."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from benchmark.config.compose import ROOT

PACKAGE = ROOT / "benchmark"
GROUND = {
    "damage",
    "digests",
    "errors",
    "places",
    "privacy",
    "printable",
    "randomness",
    "progress",
}  # imported by every room, and import nothing of ours
SHARED_BY_COMMANDS = {"command"}
ALLOWED = {  # by room, the rooms that it may import, function-level and type-checking imports included
    "config": "",
    "records": "",
    "data": "config",  # which rows a `SplitConfig` asks for
    "models": "config",  # which checkpoint a `ModelConfig` names
    "grids": "config",
    "tasks": "config data models",
    "step": "models tasks",
    "methods": "config models step",
    "training": "config records models tasks step methods",  # a `ProtocolConfig`, and what a record says
    "probes": "config models tasks step methods training",
    "runs": "config data grids records models tasks methods training probes",
    "report": "config grids records data",
    "embedded": "step",
    "speed": "config grids records models tasks step methods training runs",
    "testing": "config records models tasks step methods training",
}
# Imported by a bare interpreter before it forks for every module, so that a fork costs only what is ours.
OTHERS = (
    "torch transformers transformers.trainer datasets evaluate hydra omegaconf pandas scipy.stats rich.table "
    "matplotlib.pyplot matplotlib.backends.backend_svg sklearn.metrics seqeval.metrics"
)
ALONE = """
import gc, importlib, os, sys
names = sys.stdin.read().split()
for other in sys.argv[1].split():
    importlib.import_module(other)
from transformers import BertForMaskedLM, BertForSequenceClassification
gc.freeze()
for number, name in enumerate(names):
    if number >= 2:
        os.wait()
    if not os.fork():
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
        os._exit(0)
os.wait(), os.wait()
"""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """The folder or file of the package that a module is (in); '' is the package itself."""
    return [*module.split("."), ""][1]


def imported(module: str) -> Iterator[str]:
    """The modules of ours that a module imports, at any depth of it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if found := inner if inner in MODULES else node.module if node.module in MODULES else None:
                    yield found


IMPORTS = {module: sorted(set(imported(module))) for module in MODULES}
COMMANDS = {
    module
    for module, path in MODULES.items()
    if path.stem == "__main__" or 'if __name__ == "__main__":' in path.read_text()
}


def wrong(module: str, other: str) -> bool:
    """Whether ``module`` must not import ``other``."""
    room, target = room_of(module), room_of(other)
    if other in COMMANDS:
        return True
    if room in GROUND | SHARED_BY_COMMANDS:
        return target not in GROUND
    if target in SHARED_BY_COMMANDS:
        return module not in COMMANDS
    if target in GROUND or room == target or room not in ALLOWED:
        return False
    return target not in ALLOWED[room].split()


def test_every_room_is_in_the_table() -> None:
    at_the_root = {module.split(".")[1] for module in COMMANDS if module.count(".") == 1}
    assert {room_of(module) for module in MODULES} == {
        "",
        *ALLOWED,
        *GROUND,
        *SHARED_BY_COMMANDS,
        *at_the_root,
    }


def test_rooms_import_only_what_the_table_allows() -> None:
    found = [
        (module, other) for module, others in IMPORTS.items() for other in others if wrong(module, other)
    ]
    assert found == []


def test_no_module_waits_for_one_that_waits_for_it() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_module_can_be_imported_alone() -> None:
    names = [name for name in MODULES if not name.endswith("__main__")]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, OTHERS],
        input="\n".join(names),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


# Of tests: a name that is refused, and places for code to have moved to.
INVENTED = ("benchmark.methods.noisytune.NoisyTun", "benchmark.elsewhere")


def texts() -> Iterator[Path]:
    """All text that may speak of a module of ours: code, configuration, and what people read."""
    for folder, patterns in {
        "benchmark": ["*.py"],
        "tests": ["*.py"],
        "conf": ["*.yaml", "*.md"],
        "sweeps": ["*.yaml", "*.md"],
        "results/reference": ["*.md"],
    }.items():
        for pattern in patterns:
            yield from (ROOT / folder).rglob(pattern)
    yield from (ROOT / name for name in ("README.md", "Makefile", "pyproject.toml"))


def there(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 1, -1):
        if (name := ".".join(parts[:length])) in MODULES:
            found = importlib.import_module(name)
            for part in parts[length:]:
                if not hasattr(found, part):
                    return False
                found = getattr(found, part)
            return True
    return False


def test_every_dotted_name_in_text_is_there() -> None:
    """`_target_`, `builder`, what a fork server loads beforehand, what a test patches, what a docstring points at."""
    named: dict[str, str] = {}
    for path in texts():
        text = path.read_text()
        for dotted in re.findall(r"(?<![\w./-])benchmark(?:\.[A-Za-z_]\w*)+", text):
            named.setdefault(dotted, str(path.relative_to(ROOT)))
        for module, names in re.findall(r"\bfrom (benchmark[\w.]*) import (\w+(?:, \w+)*)", text):
            for name in names.split(", "):  # in a line of Python within a string as well
                named.setdefault(f"{module}.{name}", str(path.relative_to(ROOT)))
    assert len(named) > 150
    missing = {name: where for name, where in named.items() if not there(name)}
    assert {name: where for name, where in missing.items() if not name.startswith(INVENTED)} == {}


def test_every_file_of_ours_in_text_is_there() -> None:
    named = {
        (file, str(path.relative_to(ROOT)))
        for path in texts()
        for file in re.findall(r"(?<![\w./-])(?:benchmark|tests)/[\w/]+\.py\b", path.read_text())
        if path.name != Path(__file__).name
    }
    assert named
    assert sorted((file, where) for file, where in named if not (ROOT / file).exists()) == []
