"""The rooms of the package: who may import whom, one name for one thing, small pieces, and names in text that exist."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from benchmark.config.compose import ROOT

PACKAGE = ROOT / "benchmark"
SHARED_NAMES = {"__init__", "__main__", "base"}  # of files: every room may have one
FILE_LINES, FUNCTION_LINES = 250, 60  # at most
LONGEST_FIRST = 15  # words
NOT_FIRST = ("What", "Where", "How", "Which", "Whether")  # a docstring begins with a noun or a verb
NOT_MIRRORED = {"helpers", "cuda"}  # folders of tests/ that are for several rooms
GROUND = {
    "damage",
    "digests",
    "errors",
    "hub_answers",
    "places",
    "privacy",
    "printable",
    "randomness",
    "progress",
    "stopping",
}  # imported by every room, and import nothing of ours
SHARED_BY_COMMANDS = {"command"}
ALLOWED = {  # by room, the rooms that it may import, function-level and type-checking imports included
    "config": "",
    "records": "config",  # the id of a record is that of its configuration
    "data": "config",  # which rows a `SplitConfig` asks for
    "models": "config",  # which checkpoint a `ModelConfig` names
    "grids": "config",
    "tasks": "config data models",
    "step": "models tasks",
    "methods": "config models step",
    "training": "config records models tasks step methods",  # a `ProtocolConfig`, and what a record says
    "probes": "config models tasks step methods training",
    "runs": "config data grids records models tasks methods training probes",
    "engines": "config data grids models records runs",
    "forecast": "config data models records tasks runs",  # tasks to count tokens, runs for the room of a machine
    "report": "config grids records data",
    "store": "config grids records report runs",
    "scorecard": "config grids records runs store",
    "dashboard": "config grids records report runs",
    "site": "config data forecast grids records report runs",
    "embedded": "step",
    "speed": "config grids records models tasks step methods training runs engines forecast",
    "testing": "config records models tasks step methods training",
}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}


def room_of(module: str) -> str:
    """The folder or file of the package that a module is (in); '' is the package itself."""
    return [*module.split("."), ""][1]


def imported(module: str) -> Iterator[str]:
    """The modules of ours that a module imports, at any depth of it."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if ours := inner if inner in MODULES else node.module if node.module in MODULES else None:
                    yield ours


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


def test_the_package_says_what_every_room_holds() -> None:
    listed = re.findall(r"^    (\w+) {2,}\S", ast.get_docstring(TREES["benchmark"]) or "", re.MULTILINE)
    assert set(ALLOWED) <= {*listed}


def test_a_file_beside_the_rooms_is_a_command_or_is_used_by_several() -> None:
    users = {
        name: {room_of(module) for module, others in IMPORTS.items() if f"benchmark.{name}" in others}
        for name in GROUND | SHARED_BY_COMMANDS
    }
    assert {name: rooms for name, rooms in users.items() if len(rooms) < 3} == {}


def test_rooms_import_only_what_the_table_allows() -> None:
    wrongs = [
        (module, other) for module, others in IMPORTS.items() for other in others if wrong(module, other)
    ]
    assert wrongs == []


def test_no_module_waits_for_one_that_waits_for_it() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_module_can_be_imported_alone() -> None:
    """Each names the modules that it uses, and none waits for itself: so any can come first if all can come."""
    whole = [
        (module, alias.name)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in MODULES  # it would also find what others have imported below that name
    ]
    assert whole == []
    names = [name for name in TopologicalSorter(IMPORTS).static_order() if not name.endswith("__main__")]
    code = "import importlib, sys\nfor name in sys.stdin.read().split():\n    importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(names),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def repeated(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that stand at several places, from pairs of name and place."""
    by_name = defaultdict(list)
    for name, place in places:
        by_name[name].append(place)
    return {name: places for name, places in by_name.items() if len(places) > 1}


def test_no_two_classes_have_one_name() -> None:
    nodes = ((module, node) for module, tree in TREES.items() for node in ast.walk(tree))
    assert repeated((node.name, module) for module, node in nodes if isinstance(node, ast.ClassDef)) == {}


def test_no_two_files_have_one_name() -> None:
    paths = (path for path in MODULES.values() if path.stem not in SHARED_NAMES)
    assert repeated((path.name, str(path.parent.relative_to(ROOT))) for path in paths) == {}


def test_every_folder_of_tests_is_a_folder_of_the_package() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")}
    mirrored = [folder for folder in folders if not NOT_MIRRORED & {*folder.parts}]
    assert len(mirrored) > 10
    assert [str(folder) for folder in mirrored if not (PACKAGE / folder).is_dir()] == []


def test_no_test_has_the_name_of_another_or_imports_one() -> None:
    paths = sorted((ROOT / "tests").rglob("*.py"))
    assert repeated((path.name, str(path)) for path in paths if path.name.startswith("test_")) == {}
    imports = re.compile(r"^(?:from|import) (?:conftest|(?:[a-z_]+\.)*test_\w+)\b", re.MULTILINE)
    assert [path.name for path in paths if imports.search(path.read_text())] == []


def test_files_are_short() -> None:
    files = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: lines for module, lines in files.items() if lines > FILE_LINES} == {}


def test_functions_are_short() -> None:
    functions = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
    }
    assert {name: lines for name, lines in functions.items() if lines > FUNCTION_LINES} == {}


def public(tree: ast.Module | Definition, name: str) -> Iterator[tuple[str, str]]:
    """The names and docstrings of a module and of everything public that it defines."""
    yield name, ast.get_docstring(tree) or ""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield from public(node, f"{name}.{node.name}")


def test_no_public_docstring_begins_with_a_question() -> None:
    docstrings = [entry for module, tree in TREES.items() for entry in public(tree, module)]
    assert len(docstrings) > 1000
    assert [
        name for name, text in docstrings if text.startswith(tuple(f"{word} " for word in NOT_FIRST))
    ] == []


def test_the_first_sentence_of_a_public_docstring_is_short() -> None:
    docstrings = [entry for module, tree in TREES.items() for entry in public(tree, module)]
    first = {name: re.split(r"(?<=[.:;])\s", " ".join(text.split()))[0] for name, text in docstrings}
    assert {name: text for name, text in first.items() if len(text.split()) > LONGEST_FIRST} == {}


# Of tests: a name that is refused, and places for code to have moved to.
INVENTED = ("benchmark.methods.noisytune.NoisyTun", "benchmark.elsewhere")


def texts() -> Iterator[Path]:
    """All text that may speak of a module of ours: code, configuration, and what people read."""
    for folder, patterns in {
        "benchmark": ["*.py", "*.md", "*.html"],
        "tests": ["*.py"],
        "conf": ["*.yaml", "*.md"],
        "sweeps": ["*.yaml", "*.md"],
        "results/reference": ["*.md"],
        ".github": ["*.yml"],
    }.items():
        for pattern in patterns:
            yield from (ROOT / folder).rglob(pattern)
    yield from (
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "results/README.md", "Makefile", "pyproject.toml")
    )


def there(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in MODULES:
            owner = importlib.import_module(name)
            for part in parts[length:]:
                if not hasattr(owner, part):
                    return False
                owner = getattr(owner, part)
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
        for file in re.findall(r"(?<![\w./-])(?:benchmark|tests)/[a-z0-9_/]+\.py\b", path.read_text())
        if path.name != Path(__file__).name
    }
    assert named
    assert sorted((file, where) for file, where in named if not (ROOT / file).exists()) == []
