"""Texts without folders, users and passwords of this machine.

A record, a failure and a report may be given to others. Folders become their last part, in commands a relative
path that can be typed: below the working folder its place there, else ``./NAME``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmark.places import PACKAGE

PART = r"[^\s/'\"`<>|,;:()\[\]{}]+"
SCHEME = r"(?P<scheme>file:(?://)?)?"
FOLDER = re.compile(rf"(?<![\w:/.…-]){SCHEME}(?P<path>~[\w.-]*(?:/{PART})+/?|(?:/{PART}){{2,}}/?)")
WHOLE = re.compile(rf"{SCHEME}(?P<path>[/~].*)", re.DOTALL)
LIBRARY = re.compile(r".*/(?:(?:site|dist)-packages|lib/python[\d.]+)/")
PLACES = ("id", "repo", "folder")  # keys of a configuration whose value may be a folder of one part
SECRET = re.compile(r"\b(?:hf|gh[opsu]|wandb_v1)_\w{20,}|\bsk-[\w-]{20,}|(?<=://)[^\s/@]+(?=@)")
SECRET_VARIABLE = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|KEY)$")
SHORTEST = 8  # letters of a password that is looked for
HIDDEN = "***"


def portable(value: Any, key: str = "") -> Any:
    """A JSON value with every folder in its strings replaced by its name; keys of dictionaries stay."""
    if isinstance(value, dict):
        return {name: portable(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [portable(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    place = WHOLE.fullmatch(value) if key in PLACES else None
    return without_secrets(name_of(place["path"]) if place else _replaced(value, name_of))


def portable_text(text: str, folders: Iterable[str] = ()) -> str:
    """``text``, a message or a traceback, with folders shortened.

    Code is named from its package on. ``folders`` are known ones, whose names may have spaces.
    """
    own = f"{PACKAGE.parent}{os.sep}"
    text = text.replace(own, "")
    text = _known(_known(text, folders, _short), [str(Path.home())], lambda _: "~")
    return without_secrets(_replaced(text, _short))


def portable_command(command: str, folders: Iterable[str] = ()) -> str:
    """A command whose folders are relative: it can be typed where they are."""
    command = _known(command, folders, _relative)
    return without_secrets(
        FOLDER.sub(lambda match: (match["scheme"] or "") + _relative(match["path"]), command)
    )


def folders_in(value: Any) -> list[str]:
    """Every absolute path that is a value of its own somewhere in ``value``."""
    if isinstance(value, dict):
        return [path for inner in value.values() for path in folders_in(inner)]
    if isinstance(value, list):
        return [path for inner in value for path in folders_in(inner)]
    return [value.rstrip("/")] if isinstance(value, str) and re.match(r"(/[^/]+){2,}/?$", value) else []


def name_of(path: str) -> str:
    """The last part of a path."""
    return os.path.basename(path.rstrip("/")) or path


def without_secrets(text: str) -> str:
    """``text`` without access tokens: known forms, and the values of variables such as ``HF_TOKEN``."""
    for name, value in os.environ.items():
        if SECRET_VARIABLE.search(name) and len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    return SECRET.sub(HIDDEN, text)


def _replaced(text: str, shown: Callable[[str], str]) -> str:
    return FOLDER.sub(lambda match: shown(match["path"]), text)


def _short(path: str) -> str:
    code = LIBRARY.match(path)
    return path[code.end() :] if code else f"…/{name_of(path)}"


def _relative(path: str) -> str:
    here = os.getcwd()
    private = Path.home().is_relative_to(here)  # a path from a folder above would name the user
    below = not private and Path(path).is_relative_to(here)
    return f"./{os.path.relpath(path, here)}" if below else f"./{name_of(path)}"


def _known(text: str, folders: Iterable[str], shown: Callable[[str], str]) -> str:
    """``text`` with ``folders`` replaced, the longest first."""
    for folder in sorted({path for path in folders if path.strip("/")}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.…]){re.escape(folder)}(?![\w.-])", lambda match: shown(match[0]), text)
    return text
