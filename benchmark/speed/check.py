"""`python -m benchmark.speed.check`: check speed and tests on a GPU, in at most 8 minutes.

Each stage is a process of its own, killed at its limit. Its results are written at once. Without a GPU the
same stages use the tests' stand-in and give counts in place of times.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmark.command import carried_out, plain_parser
from benchmark.config.compose import ROOT
from benchmark.errors import unknown
from benchmark.places import in_home
from benchmark.speed.stage import SHORT

# Limits in seconds, the most valuable stage first. Their sum exceeds the total of 8 minutes.
LIMITS = {
    "start": 30,
    "tests": 60,
    "minilm_float32": 50,
    "minilm_bfloat16": 55,
    "base_bfloat16": 60,
    "grid": 145,
    "methods": 40,
    "several": 75,
    "base_float32": 35,
    "compiled": 60,  # only if the other stages left time
}
MINUTES = 8.0
PATIENCE = 5  # factor on all limits without a GPU: no GPU time is used up, and processes start slowly
LEAST = 8  # seconds; with less time left no stage is started
PACKAGES = ("torch", "transformers", "accelerate", "datasets", "numpy")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 1 if a stage failed, was killed or missed a target.
    """
    parser = plain_parser("benchmark.speed.check", __doc__)
    parser.add_argument("--stages", default=",".join(LIMITS), help="some of the stages, by comma")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all stages (default: 8)")
    parser.add_argument("--output", type=in_home, default=ROOT / "results" / "reference" / "gpu.md")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit runs ``finally``, which kills the stage
    return carried_out(lambda: check(options.stages.split(","), options.minutes, options.output))


def check(stages: list[str], minutes: float, output: Path) -> int:
    """Run ``stages``, write their results to ``output``, and return the exit status.

    Raises: BenchmarkError for an unknown stage.
    """
    for stage in stages:
        if stage not in LIMITS:
            raise unknown("--stages", stage, LIMITS)
    card = graphics_card()
    scale = minutes / MINUTES if card else PATIENCE * minutes / MINUTES
    ends = time.monotonic() + 60 * MINUTES * scale
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("")
    findings = Findings(output)
    for line in header(card):
        findings.say(line)
    failed = []
    for stage in stages:
        left = ends - time.monotonic()
        limit = min(LIMITS[stage] * scale, left)
        findings.say(f"\n## {stage}\n")
        if left < LEAST * scale:
            findings.say("- not run: no time was left")
        elif not run_stage(stage, limit, bool(card), findings):
            failed.append(stage)
    findings.say(f"\ncheck: {'falls short in ' + ', '.join(failed) if failed else 'all targets are met'}")
    return 1 if failed else 0


class Findings:
    """The results in Markdown, printed and written line by line."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()

    def say(self, line: str) -> None:
        """Add one line."""
        with self.lock, self.path.open("a") as file:
            print(line, flush=True)
            file.write(f"{line}\n")


def run_stage(stage: str, limit: float, on_gpu: bool, findings: Findings) -> bool:
    """Run a stage for at most ``limit`` seconds; True if it met all targets."""
    command = [
        sys.executable,
        "-m",
        "benchmark.speed.stages",
        stage,
        "--until",
        str(time.monotonic() + limit),
    ]
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    if not on_gpu:
        command.append("--stand-in")
        environment["CUDA_VISIBLE_DEVICES"] = ""
    began, lines, errors = time.monotonic(), list[str](), list[str]()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        errors="replace",
        start_new_session=True,  # a group of its own: its children are killed with it
    )
    readers = [
        threading.Thread(target=read, args=(process.stdout, lines, findings.say), daemon=True),
        threading.Thread(target=read, args=(process.stderr, errors, err), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        status: int | None = process.wait(limit)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for reader in readers:
        reader.join(5)
    took = time.monotonic() - began
    if status is None:
        findings.say(f"- {SHORT}: killed at its limit of {limit:.0f} s")
    elif status:
        last = next((line for line in reversed(errors) if line.strip()), "nothing said")
        findings.say(f"- {SHORT}: ended with status {status}: {last.strip()[:300]}")
    findings.say(f"- took {took:.1f} s")
    return status == 0 and not any(line.startswith(f"- {SHORT}") for line in lines)


def read(pipe: object, into: list[str], tell: object) -> None:
    """Append the lines of ``pipe`` to ``into`` and pass them to ``tell``, until it closes."""
    for line in pipe:  # type: ignore[attr-defined]
        into.append(line.rstrip("\n"))
        tell(line.rstrip("\n"))  # type: ignore[operator]


def err(line: str) -> None:
    """Print ``line`` to stderr, outside the report."""
    print(line, file=sys.stderr, flush=True)


def graphics_card() -> str:
    """The name and driver of the first GPU; empty without one."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(output.splitlines()), "").strip()


def header(card: str) -> list[str]:
    """Head of the report: card, driver, versions, commit and date."""
    versions = []
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    device = card or "no GPU here: the stages run on the tests' stand-in, with counts in place of times"
    return [
        "# Check on a GPU",
        "",
        f"- card, driver, memory: {device}" if card else f"- {device}",
        f"- Python {platform.python_version()}, {', '.join(versions)}, {len(os.sched_getaffinity(0))} cores",
        f"- code {commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    ]


def commit() -> str:
    """The commit of the project, marked if files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no", "--", "benchmark", "conf", "tests")
        return git("rev-parse", "--short=12", "HEAD") + " + changes" * bool(changes)
    except (OSError, subprocess.SubprocessError):
        return "of no commit"


if __name__ == "__main__":
    sys.exit(main())
