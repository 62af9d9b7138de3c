"""One trial: a break in a copy of the project, and the first test that notices it."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from helpers.breaks.listed import PROJECT, Break

FOLDERS = ("benchmark", "conf", "sweeps", "tests", "results/published", ".cache/embedded")
HALF_WRITTEN = shutil.ignore_patterns("*.pyc.*")  # bytecode, by tests that run beside this
SECONDS = 100  # of a test: a break may make it hang


@dataclass
class Watcher:
    """The first test of a session that fails: its name, and whether reference values notice it."""

    test: str = ""
    by_reference: bool = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # It imports the package, which only the process of a trial may do.
        from helpers.reference_report import PROPERTY

        if report.failed and not self.test:
            self.test = report.nodeid
            self.by_reference = PROPERTY in dict(report.user_properties)


def copied(into: Path) -> Path:
    """A copy of the project in ``into``, with the reference values beside it where there are any."""
    project = into / "project"
    project.mkdir()
    for file in PROJECT.iterdir():
        if file.is_file():
            shutil.copy2(file, project)
    for folder in FOLDERS:
        if (PROJECT / folder).is_dir():
            shutil.copytree(PROJECT / folder, project / folder, ignore=HALF_WRITTEN)
    if (shared := PROJECT.parent / "shared").is_dir():
        (into / "shared").symlink_to(shared)
    return project


def tried(project: Path, broken: Break, tests: list[str]) -> Watcher:
    """What notices ``broken`` among ``tests`` of ``project``. Raises: ValueError, see `noticing`."""
    file = project / broken.file
    content = file.read_text()
    file.write_text(broken.of(content))
    try:
        return noticing(project, tests)
    finally:
        file.write_text(content)


def noticing(project: Path, tests: list[str]) -> Watcher:
    """What fails first among ``tests`` as the project is now. Raises: ValueError if they could not be run.

    They run in a process of their own, which begins with the libraries that this one has imported. The first session
    imports them; this process then does so too, since they take far longer than the tests.
    """
    receives, sends = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_session, args=(project, tests, sends))
    child.start()
    sends.close()
    ended: tuple[int, tuple[str, bool], list[str], str] | None = None
    with suppress(EOFError):
        ended = receives.recv()
    child.join()
    if ended is None:
        raise ValueError(f"{', '.join(tests)}: the session ended with {child.exitcode}")
    code, noticed, libraries, output = ended
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise ValueError(f"{', '.join(tests)}: pytest ended with {code}:\n{output[-1500:]}")
    for name in libraries:
        with suppress(Exception):
            importlib.import_module(name)
    return Watcher(*noticed)


def _session(project: Path, tests: list[str], sends: Connection) -> None:
    """Run ``tests`` until one fails, with the code of ``project`` in place of this one's."""
    gc.freeze()  # pytest collects garbage, and need not look through the libraries for it
    os.chdir(project)
    said = project.parent / "output"
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # The copy has the bytecode of the original beside it, which fits all files but the broken one.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        del sys.modules[name]
    sys.path[:0] = [str(project), str(project / "tests")]
    watcher = Watcher()
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", f"timeout={SECONDS}"]
    code = pytest.main([*options, *tests], plugins=[watcher])
    sys.stdout.flush()
    libraries = [] if watcher.test else libraries_imported(project)
    sends.send((int(code), astuple(watcher), libraries, said.read_text()))


def libraries_imported(project: Path) -> list[str]:
    """The names of the imported modules that are not of ``project``, in the order of their imports."""
    places = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return [name for name, place in places.items() if place and not Path(place).is_relative_to(project)]
