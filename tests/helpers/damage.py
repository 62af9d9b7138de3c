"""Damaged records: one variant per line, each a change of a whole record's folder.

``CONTENT`` changes the content of record.json, without its seal, so that each fault is known by itself. ``TEXT`` changes
its text, seal and all. `damaged_files` has those of other kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.damaged_files import ARRAYS, FOLDER, UNKNOWN

Content = dict[str, Any]
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
LEFT_OUT = object()


def at(*keys: Any, value: Any) -> Callable[[Content], None]:
    """A change of one value in a record, or its removal."""

    def change(content: Content) -> None:
        *outer, last = keys
        for key in outer:
            content = content[key]
        if value is LEFT_OUT:
            del content[last]
        else:
            content[last] = value

    return change


def scored(value: Any) -> Callable[[Content], None]:
    """Another score, at both of its places."""

    def change(content: Content) -> None:
        for scores in (content["scores"], content["curve"][-1]["scores"]):
            scores["validation"]["accuracy"] = value

    return change


def both(*changes: Callable[[Content], None]) -> Callable[[Content], None]:
    def change(content: Content) -> None:
        for one in changes:
            one(content)

    return change


def backwards(content: Content) -> None:
    content["curve"] = content["curve"][::-1]
    content["scores"] = content["curve"][-1]["scores"]


ENVIRONMENT = ("environment",)
CONTENT: dict[str, Callable[[Content], None]] = {
    **{
        f"without {key}": at(key, value=LEFT_OUT)
        for key in (
            "status",
            "config",
            "scores",
            "curve",
            "collapsed",
            "seconds",
            "environment",
            "memory",
            "examples",
            "diverged_at",
            "resumed",
        )
    },
    "of another run": at("run_id", value="f" * 16),
    "run_id a number": at("run_id", value=7),
    **{
        f"score {value!r}": scored(value)
        for value in (
            float("nan"),
            float("inf"),
            float("-inf"),
            7,
            -3,
            1e300,
            10**400,
            True,
            [0.9],
            "0.9",
            "high",
            None,
            {},
        )
    },
    "correlation of -2": both(
        at("scores", "validation", value={"pearson": -2}),
        at("curve", -1, "scores", "validation", value={"pearson": -2}),
    ),
    "curve of numbers": at("curve", value=[1, 2]),
    "curve of nothing": at("curve", value=[None]),
    "curve empty": at("curve", value=[]),
    "curve empty and no scores": both(at("curve", value=[]), at("scores", value={})),
    "curve a mapping": at("curve", value={}),
    "curve backwards": backwards,
    "entry without scores": at("curve", -1, "scores", value=LEFT_OUT),
    "entry with a list of scores": at("curve", -1, "scores", value=[0.9]),
    "entry of another set": both(
        at("scores", value={"moon": {"accuracy": 1}}),
        at("curve", -1, "scores", value={"moon": {"accuracy": 1}}),
    ),
    "entry with a set of no metrics": at("curve", 0, "scores", "validation", value={}),
    "scores empty": at("scores", value={}),
    "scores of another set": at("scores", value={"moon": {"accuracy": 0.5}}),
    "scores unlike the curve": at("scores", "validation", "accuracy", value=0.999),
    "step negative": at("curve", 0, "step", value=-1),
    "step a fraction": at("curve", 0, "step", value=1.5),
    "epoch negative": at("curve", 0, "epoch", value=-1.0),
    "loss a string": at("curve", 0, "loss", value="low"),
    "loss of a set a list": at("curve", 0, "losses", "validation", value=[1]),
    **{
        f"status {value!r}": at("status", value=value)
        for value in ("blessed", "failed", "<script>alert(1)</script>", 1)
    },
    "status diverged with scores": at("status", value="diverged"),
    "diverged and nobody knows when": both(at("status", value="diverged"), at("scores", value={})),
    "finished and diverged": at("diverged_at", value=2),
    "diverged_at a string": at("diverged_at", value="2"),
    "config of another seed": at("config", "seed", value=77),
    "config of another method": at(
        "config", "method", value={"top_k": {"_target_": "benchmark.methods.top_k.TopK"}}
    ),
    "config of another rate": at("config", "protocol", "learning_rate", value=0.5),
    "config a list": at("config", value=[]),
    "config with another key": at("config", "stray", value=1),
    "config without a task's name": at("config", "task", "name", value=LEFT_OUT),
    "config with a batch of text": at("config", "protocol", "batch_size", value="32"),
    "environment empty": at("environment", value={}),
    "environment a list": at("environment", value=[]),
    "code nothing": at("environment", "code", value=None),
    "code a string": at("environment", "code", value="abc"),
    "commit a number": at("environment", "code", "commit", value=5),
    "packages nothing": at("environment", "packages", value=None),
    "packages without torch": at("environment", "packages", "torch", value=LEFT_OUT),
    "package a list": at("environment", "packages", "numpy", value=[1]),
    "device with escapes": at("environment", "device", value=f"x{ESCAPE}"),
    "device with lines": at("environment", "device", value="x\n| a | b |\n"),
    "device of 5 MB": at("environment", "device", value="x" * 5_000_000),
    "device a number": at("environment", "device", value=5),
    "device_type a toaster": at("environment", "device_type", value="toaster"),
    "precision with escapes": at("environment", "precision", value=ESCAPE),
    "torch with escapes": at("environment", "packages", "torch", value=ESCAPE),
    "collapsed numbers": at("collapsed", value=[1, {"a": 1}]),
    "collapsed markup": at("collapsed", value=["<b>x</b>"]),
    "collapsed a string": at("collapsed", value="validation"),
    "seconds of text": at("seconds", "train", value="long"),
    "seconds negative": at("seconds", "per_update", value=-1.0),
    "seconds empty": at("seconds", value={}),
    "seconds a string": at("seconds", value="long"),
    "memory a string": at("memory", "peak", value="much"),
    "memory negative": at("memory", "peak", value=-5),
    "examples nothing": at("examples", value=None),
    "examples of text": at("examples", "train", value="64"),
    "examples without train": at("examples", "train", value=LEFT_OUT),
    "resumed twice": at("resumed", value="twice"),
    "resumed negative": at("resumed", value=-1),
    "replayed true": at("replayed", value=True),
    "padding nothing": at("padding_computed", value=None),
    "finished a number": at("finished", value=20260101),
    "finished some day": at("finished", value="some day"),
    "attention with escapes": at("attention", value=ESCAPE),
    "digest of a file too short": at("data", "digests", value={"opinion/train": "abc"}),
    "weights a list": at("model", value=[]),
    "schema of tomorrow": at("schema", value=99),
    "unknown key": at("more", value={"deep": [1]}),
    "unknown key with escapes": at(f"more{ESCAPE}", value=1),
    "version true": at("version", value=True),
}

TEXT: dict[str, Callable[[str], bytes]] = {
    "empty": lambda text: b"",
    "zeros": lambda text: bytes(len(text)),
    "blank": lambda text: b"   \n",
    **{
        f"cut at {part} of 7": lambda text, part=part: text.encode()[: part * len(text) // 7]
        for part in (1, 3, 6)
    },
    "without its last letter": lambda text: text.encode()[:-1],
    "two documents": lambda text: text.encode() * 2,
    "with a byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "bytes that are no text": lambda text: text.encode().replace(b"finished", b"\xff\xfe\x80", 1),
    "a number of 5000 digits": lambda text: text.replace('"resumed": 0', f'"resumed": {"1" * 5000}').encode(),
    "a number above all": lambda text: text.replace('"resumed": 0', '"resumed": 1e400').encode(),
    "a list": lambda text: f"[{text}]".encode(),
    "a string": lambda text: b'"finished"',
    "null": lambda text: b"null",
    "marks of a conflict": lambda text: text.replace(" ", "<<<<<<< HEAD\n ", 1).encode(),
    "nested 100 000 deep": lambda text: text.replace(
        "{", '{"more": ' + "[" * 100_000 + "]" * 100_000 + ",", 1
    ).encode(),
    "a key twice": lambda text: text.replace("{", '{"resumed": 0,', 1).encode(),
    "the curve twice": lambda text: text.replace('"curve"', '"curve": [{"step": 9}], "curve"', 1).encode(),
    "one digit of a score": lambda text: _digit(text).encode(),
    "one letter of a digest": lambda text: text.replace("opinion/train", "opinion/trait").encode(),
    "50 MB of text": lambda text: text.replace("{", '{"more": "' + "x" * 50_000_000 + '",', 1).encode(),
}


def _digit(text: str) -> str:
    """Another last digit of the final score, at both of its places."""
    content = json.loads(text)
    score = content["scores"]["validation"]["accuracy"]
    scored(score - 0.0025 if score > 0.5 else score + 0.0025)(content)
    return json.dumps(content, indent=1)


SAFE: dict[str, str] = {  # texts of a device that are shown as they are, and must do nothing
    "pipes": "a | b || c",
    "markup": "[red]x[/nothing] **bold** <script>alert(1)</script> <img src=x onerror=alert(1)>",
    "TeX": r"\input{/etc/passwd} $x^2$ \write18{ls}",
    "a formula": '=HYPERLINK("http://x","y")',
}


def damage(folder: Path, kind: str, name: str) -> None:
    """Put one variant in the place of a record."""
    path = folder / "record.json"
    if kind == "content":
        content = json.loads(path.read_text())
        content.pop("seal", None)
        CONTENT[name](content)
        path.write_text(json.dumps(content))
    elif kind == "text":
        path.write_bytes(TEXT[name](path.read_text()))
    else:
        {"folder": FOLDER, "unknown": UNKNOWN, "arrays": ARRAYS}[kind][name](folder)


VARIANTS = [
    (kind, name)
    for kind, table in {
        "content": CONTENT, "text": TEXT, "folder": FOLDER, "unknown": UNKNOWN, "arrays": ARRAYS,
    }.items()
    for name in table
]  # fmt: skip
