"""Code that a configuration names is imported only from this package and from packages that the user trusts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import methods, probes
from benchmark.config import targets
from benchmark.config.compose import register
from benchmark.config.launching import check_files, check_sweep
from benchmark.config.schema import RunConfig
from benchmark.config.targets import built, check_builder, class_of, made_by
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError
from benchmark.methods import Method
from benchmark.places import ROOT
from benchmark.probes.base import Probe
from benchmark.runs.plugins import check_plugins

FOREIGN = [
    "shutil.rmtree",
    "os.system",
    "builtins.eval",
    "strangers_module.Thing",
    "torch.hub.load",
    "benchmarks.methods.rdrop.RDrop",
    "benchmark.embedded.folder.shutil.rmtree",  # an alias within this package
    "benchmark.runs.code.subprocess.run",
    "benchmark.config.targets.import_module",
    "benchmark.models.pretrained.transformers.AutoModel",
]
NO_PATH = [
    "",
    "this",
    "benchmark",
    "benchmark..rdrop",
    ".rdrop.RDrop",
    "benchmark.methods.rdrop.__loader__",
    5,
    None,
]


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on the path that leaves a file behind when it is imported."""
    mark = tmp_path / "imported"
    (tmp_path / "strangers_module.py").write_text(
        f'from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Thing: pass\ndef build(cache): return "nowhere"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strangers_module", raising=False)
    return mark


@pytest.mark.parametrize("path", FOREIGN)
def test_foreign_code_is_neither_imported_nor_called(path: str, stranger: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    before = set(sys.modules)
    for refused in (
        lambda: class_of("method.mine", path, Method),
        lambda: built("probe.mine", {"_target_": path}, Probe),
        lambda: made_by("model.builder", path, precious),
    ):
        with pytest.raises(BenchmarkError) as error:
            refused()
        assert path in str(error.value)
        assert "\n" not in str(error.value)
    assert precious.is_dir()
    assert not stranger.exists()
    assert not {name for name in set(sys.modules) - before if not name.startswith("benchmark")}


@pytest.mark.parametrize("path", NO_PATH)
def test_what_is_no_dotted_path_is_refused(path: object) -> None:
    with pytest.raises(BenchmarkError, match="expected a dotted path"):
        class_of("method.mine", path, Method)


@pytest.mark.parametrize(
    "path",
    ["benchmark.records.store.Store", "benchmark.methods.base.overrides", "benchmark.errors.BenchmarkError"],
)
def test_our_own_code_of_another_kind_is_refused(path: str) -> None:
    with pytest.raises(BenchmarkError, match=r"not a benchmark\.methods\.Method|cannot be imported"):
        class_of("method.mine", path, Method)


@pytest.mark.parametrize(
    "path",
    [
        "benchmark.embedded.folder.built_once",
        "benchmark.methods.build",
        "benchmark.records.disk.make_writable",
    ],
)
def test_a_builder_of_ours_is_one_of_the_embedded_ones(path: str) -> None:
    with pytest.raises(BenchmarkError, match="no builder"):
        check_builder("task.builder", path)


def test_a_configuration_is_refused_before_a_builder_is_imported(compose: Callable[..., object]) -> None:
    for key in ("model", "task"):
        with pytest.raises(BenchmarkError, match=rf"{key}\.builder=shutil\.rmtree"):
            validate(compose(f"{key}.builder=shutil.rmtree"))  # type: ignore[arg-type]


def test_a_package_that_is_named_is_trusted(
    stranger: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(targets, "TRUSTED", frozenset({"benchmark", "strangers_module"}))
    assert class_of("method.mine", "strangers_module.Thing", object).__name__ == "Thing"
    assert stranger.exists()
    with pytest.raises(BenchmarkError, match="leads to pathlib"):
        class_of("method.mine", "strangers_module.Path", object)
    with pytest.raises(BenchmarkError, match="made no folder"):
        made_by("task.builder", "strangers_module.build", tmp_path)


def test_the_environment_names_packages_and_a_file_cannot() -> None:
    code = "from benchmark.config import targets; print(sorted(targets.TRUSTED))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"BENCHMARK_TRUSTED": " mine, ,yours", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "['benchmark', 'mine', 'yours']\n"


THEIRS = """
from dataclasses import dataclass
from benchmark.methods import Method
from benchmark.probes.base import Probe
from benchmark.runs.plugins import check_plugins

@dataclass
class Shrink(Method):
    share: float = 0.5
    def helper(self): pass
    def atach(self, model, context): pass

@dataclass
class Idle(Method):
    def check(self, protocol, task): pass

class Base(Method):
    def after(self, update): pass

@dataclass
class Inherits(Base): pass

@dataclass
class Looks(Probe):
    def ends(self, subject): pass
"""


ACTS = """
from dataclasses import dataclass
from benchmark.methods import Method

@dataclass
class Acts(Method):
    def attach(self, model, context): pass
"""


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that makes text the module strangers_module, which is trusted."""
    monkeypatch.setattr(targets, "TRUSTED", frozenset({"benchmark", "strangers_module"}))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text: str) -> None:
        (tmp_path / "strangers_module.py").write_text(text)
        monkeypatch.delitem(sys.modules, "strangers_module", raising=False)

    return write


def test_a_class_that_acts_nowhere_is_refused(theirs: Callable[[str], None]) -> None:
    theirs(THEIRS)
    for build, name, says in (
        (methods.build, "Shrink", r"Shrink overrides no hook: 'atach' is none; did you mean 'attach'\?"),
        (methods.build, "Idle", r"Idle overrides no hook \(valid: initialise, remember, "),
        (probes.build, "Looks", r"Looks overrides no hook: 'ends' is none; did you mean 'end'\?"),
    ):
        with pytest.raises(BenchmarkError, match=rf"(method|probe)\.mine: {says}"):
            build({"mine": {"_target_": f"strangers_module.{name}"}})
    methods.build({"mine": {"_target_": "strangers_module.Inherits"}})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "def attach(self, model): pass",
            "Mine.attach: it is called with model, context; write `def attach(self, model, context)`",
        ),
        ("def attach(model, context): pass", "write `def attach(self, model, context)`"),
        ("def attach(self, model, context, share): pass", "write `def attach(self, model, context)`"),
        ("def attach(self, model, *, context): pass", "write `def attach(self, model, context)`"),
        ("attach = 3", "write `def attach(self, model, context)`"),
        ("def check(self): pass", "write `def check(self, protocol, task)`"),
        ("def idle(self): return False", "Mine.idle: write @property above `def idle(self)`"),
    ],
)
def test_a_hook_that_cannot_be_called_is_refused_with_the_line_to_write(
    text: str, says: str, theirs: Callable[[str], None]
) -> None:
    theirs(f"{ACTS}\n@dataclass\nclass Mine(Acts):\n    def after(self, update): pass\n    {text}\n")
    with pytest.raises(BenchmarkError) as refused:
        methods.build({"mine": {"_target_": "strangers_module.Mine"}})
    assert str(refused.value).startswith("method.mine: Mine.")
    assert says in str(refused.value)


def test_a_hook_may_name_its_arguments_as_it_likes(theirs: Callable[[str], None]) -> None:
    for own in (
        "def attach(self, net, about, share=2): pass",
        "def attach(self, *both): pass",
        "idle = True",
    ):
        theirs(f"{ACTS}\n@dataclass\nclass Mine(Acts):\n    {own}\n")
        methods.build({"mine": {"_target_": "strangers_module.Mine"}})
    theirs("from dataclasses import dataclass\nfrom benchmark.probes.base import Probe\n"
           "@dataclass\nclass Looks(Probe):\n    def end(self): return {}\n")  # fmt: skip
    with pytest.raises(BenchmarkError, match=r"probe\.mine: Looks\.end: .*write `def end\(self, subject\)`"):
        probes.build({"mine": {"_target_": "strangers_module.Looks"}})


def test_a_class_that_is_no_dataclass_is_told_the_line_to_write(theirs: Callable[[str], None]) -> None:
    theirs("from benchmark.methods import Method\nclass Mine(Method):\n    def after(self, update): pass\n")
    for settings in ({}, {"share": 0.5}):
        with pytest.raises(BenchmarkError) as refused:
            methods.build({"mine": {"_target_": "strangers_module.Mine"} | settings})
        assert str(refused.value) == "method.mine: Mine is no dataclass; write @dataclass above `class Mine`"


@pytest.mark.parametrize(
    ("text", "setting", "says"),
    [
        ("@dataclass\nclass Mine(Acts):\n    share = 0.5", 0.25, "write `share: float = 0.5` in the class"),
        ("@dataclass\nclass Mine(Acts):\n    share = 1", 0.25, "write `share: float = 1` in the class"),
        ("@dataclass\nclass Mine(Acts):\n    share = 'a'", "b", "write `share: str = 'a'` in the class"),
        ("class Mine(Acts):\n    share: float = 0.5", 0.25, "write @dataclass above `class Mine`"),
        ("@dataclass\nclass Mine(Acts):\n    shares: float = 0.5", 0.25, "did you mean 'shares'"),
        ("@dataclass\nclass Mine(Acts): pass", 0.25, "(valid: none)"),
    ],
)
def test_a_setting_that_is_no_field_is_told_how_to_become_one(
    text: str, setting: object, says: str, theirs: Callable[[str], None]
) -> None:
    theirs(f"{ACTS}\n{text}\n")
    with pytest.raises(BenchmarkError, match=r"method\.mine: Mine has no field 'share'") as refused:
        built("method.mine", {"_target_": "strangers_module.Mine", "share": setting}, Method)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("raise SystemExit(3)", r"strangers_module: exits \(SystemExit: 3\)"),
        ("exit(3)", r"strangers_module: exits"),
        (
            "@dataclass\nclass Mine(Acts):\n    def __post_init__(self): exit()",
            r"strangers_module\.Mine\.__post_init__: exits",
        ),
        ("class Mine(Acts):\n    def check(self, *_): exit(0)", r"strangers_module\.Mine\.check: exits"),
    ],
)
def test_code_that_exits_is_named(
    text: str, place: str, theirs: Callable[[str], None], compose: Callable[..., RunConfig]
) -> None:
    theirs(f"{ACTS}\n{text}\n")
    config = compose("+method.mine={_target_: strangers_module.Mine}")
    with pytest.raises(BenchmarkError, match=place):
        check_plugins(config)
    theirs("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        check_plugins(config)


HYDRAS_OWN = {
    "callbacks": "callbacks: {x: {_target_: this.Zen}}",
    "logging": 'job_logging: {formatters: {f: {"()": this.Zen}}}',
    "handler": "hydra_logging: {handlers: {h: {class: this.Zen}}}",
    "launcher": "launcher: {_target_: this.Zen}",
}


@pytest.mark.parametrize("settings", HYDRAS_OWN.values(), ids=HYDRAS_OWN)
def test_files_of_a_search_path_cannot_make_hydra_run_code(settings: str, tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "bad.yaml").write_text(f"# @package _global_\nhydra:\n  {settings}\n")
    search = f"hydra.searchpath=[file://{tmp_path}]"
    register()
    check_files([search, "task=opinion"])
    for line in (
        [search, "task=bad"],
        ["-m", search, "task=opinion,bad"],
        ["--config-dir", str(tmp_path), "task=bad"],
    ):
        with pytest.raises(BenchmarkError, match=r"this\.Zen: not run"):
            check_files(line)


def test_a_sweep_of_w_and_b_sets_keys_of_runs_alone() -> None:
    agent = {"WANDB_SWEEP_ID": "abc"}
    check_sweep(
        ["task=rte", "method=[noisytune]", "method.noisytune.intensity=0.1", "seed=1", "tracker=wandb"], agent
    )
    for argument in (
        "hydra.searchpath=[file:///x]",
        "+hydra.callbacks.x._target_=os.system",
        "--config-dir=/x",
        "-m",
        "task.builder=benchmark.embedded.tasks.build",
        "+method.x={_target_: a.B}",
        "model={builder: a.b}",
        "tracker._target_=a.B",
        "~model",
    ):
        with pytest.raises(BenchmarkError, match="W&B sweep"):
            check_sweep([argument], agent)
        check_sweep([argument], {})
