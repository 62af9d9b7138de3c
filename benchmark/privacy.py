"""Texts without folders, users and passwords of this machine.

A record, a failure and a report may be given to others. Folders are replaced by their last part. In commands
they become relative paths that can be typed: relative to the working folder if they are below it, else
``./NAME``. Relative paths with ``..`` are treated alike. The home folder itself becomes ``~``, because its
name is the user's.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmark.places import PACKAGE

PART = r"[^\s/'\"`<>|,;:()\[\]{}]+"
SCHEME = r"(?P<scheme>file:(?://)?)?"
UPWARD = rf"(?:[\w.-]+/)*\.\.(?:/{PART})+/?"  # leads out of the working folder, or out of a folder in it
FOLDER = re.compile(rf"(?<![\w:/.…-]){SCHEME}(?P<path>~[\w.-]*(?:/{PART})+/?|(?:/{PART}){{2,}}/?|{UPWARD})")
WHOLE = re.compile(rf"{SCHEME}(?P<path>[/~].*|(?:.*/)?\.\.(?:/.*)?)", re.DOTALL)
LIBRARY = re.compile(r".*/(?:(?:site|dist)-packages|lib/python[\d.]+)/")
# Keys of a configuration whose value may be a folder of one part, or one with spaces.
PLACES = ("id", "repo", "translations", "folder", "store", "cache", "searchpath")
BETWEEN = re.compile(r"""([\[\],]?['"]|[\[\],])""")  # the values of a list on a command line
SECRET = re.compile(r"\b(?:hf|gh[opsu]|wandb_v1)_\w{20,}|\bsk-[\w-]{20,}|(?<=://)[^\s/@]+(?=@)")
SECRET_VARIABLE = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|KEY)$")
SHORTEST = 8  # letters of a password that is looked for
HIDDEN = "***"


def portable(value: Any, key: str = "") -> Any:
    """A JSON value with every folder in its strings replaced by its name; keys of dictionaries stay."""
    return _portable(value, key, _secrets())


def _portable(value: Any, key: str, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _portable(inner, str(name), secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_portable(inner, key, secrets) for inner in value]
    if not isinstance(value, str):
        return value
    place = WHOLE.fullmatch(value) if key in PLACES else None
    return _hidden(name_of(place["path"]) if place else _replaced(value, name_of), secrets)


def portable_text(text: str, folders: Iterable[str] = ()) -> str:
    """``text``, a message or a traceback, with folders shortened.

    Code is named from its package on. ``folders`` are known ones, whose names may have spaces.
    """
    own = f"{PACKAGE.parent}{os.sep}"
    text = text.replace(own, "")
    text = _known(_known(text, folders, _short), [str(Path.home())], lambda _: "~")
    return without_secrets(_replaced(text, _short))


def portable_command(command: str, folders: Iterable[str] = ()) -> str:
    """A command with relative folders, which can be typed in the folder that has them."""
    words = shlex.split(_known(command, folders, _relative))
    return without_secrets(shlex.join(map(_portable_word, words)))


def folders_in(value: Any) -> list[str]:
    """Every absolute path that is a value of its own somewhere in ``value``."""
    if isinstance(value, dict):
        return [path for inner in value.values() for path in folders_in(inner)]
    if isinstance(value, list):
        return [path for inner in value for path in folders_in(inner)]
    return [value.rstrip("/")] if isinstance(value, str) and re.match(r"(/[^/]+){2,}/?$", value) else []


def name_of(path: str) -> str:
    """The last part of a path; ``~`` for a home folder, which is called as its user."""
    place = os.path.expanduser(path)
    place = os.path.abspath(place) if ".." in place.split("/") else os.path.normpath(place)
    if place == str(Path.home()) or re.fullmatch(r"~[^/]*/?", path):
        return "~"
    return os.path.basename(place) or path


def without_secrets(text: str) -> str:
    """``text`` without access tokens: known forms, and the values of variables such as ``HF_TOKEN``."""
    return _hidden(text, _secrets())


def _secrets() -> list[str]:
    """The values of the environment's variables of secrets."""
    names = (name for name in os.environ if SECRET_VARIABLE.search(name))
    return [os.environ[name] for name in names if len(os.environ[name]) >= SHORTEST]


def _hidden(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return SECRET.sub(HIDDEN, text)


def _replaced(text: str, shown: Callable[[str], str]) -> str:
    return FOLDER.sub(lambda match: shown(match["path"]), text)


def _short(path: str) -> str:
    code, name = LIBRARY.match(path), name_of(path)
    return path[code.end() :] if code else name if name == "~" else f"…/{name}"


def _relative(path: str) -> str:
    here = os.getcwd()
    # A path relative to a folder above the home folder would name the user
    private = Path.home().is_relative_to(here)
    below = not private and Path(path).is_relative_to(here)
    name = name_of(path)
    return f"./{os.path.relpath(path, here)}" if below else name if name == "~" else f"./{name}"


def _portable_word(word: str) -> str:
    """A word of a command, ``KEY=VALUE`` or another, with relative folders."""
    key, _, values = word.partition("=")
    if key.rpartition(".")[2] not in PLACES:
        return FOLDER.sub(_portable_match, word)
    parts = BETWEEN.split(values)
    return f"{key}=" + "".join(WHOLE.sub(_portable_match, p) if WHOLE.fullmatch(p) else p for p in parts)


def _portable_match(match: re.Match[str]) -> str:
    return (match["scheme"] or "") + _relative(match["path"])


def _known(text: str, folders: Iterable[str], shown: Callable[[str], str]) -> str:
    """``text`` with ``folders`` replaced, the longest first."""
    for folder in sorted({path for path in folders if path.strip("/")}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.…]){re.escape(folder)}(?![\w.-])", lambda match: shown(match[0]), text)
    return text
