"""The list of breaks: in the YAML files beside this one, by the part of the code that they break."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Break:
    """One break: ``text``, which stands once in ``file``, is replaced by ``instead``; ``what`` says what is then wrong."""

    file: str
    text: str
    instead: str
    what: str

    def of(self, content: str) -> str:
        """The ``content`` of the file with the break. Raises: ValueError if the text is not there exactly once."""
        if (count := content.count(self.text)) != 1:
            raise ValueError(f"{self.file}: {self.text!r} is there {count} times, and must be there once")
        return content.replace(self.text, self.instead)


@dataclass(frozen=True)
class Part:
    """A part of the code with its breaks, each of which must be noticed by one of ``tests``, files or tests in them."""

    name: str
    tests: list[str]
    breaks: list[Break]


def parts() -> list[Part]:
    """All parts, in the order of the files."""
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    return [_part(name, given) for file in files for name, given in yaml.safe_load(file.read_text()).items()]


def _part(name: str, given: dict[str, Any]) -> Part:
    """``file`` of a part is that of its breaks that name no other."""
    breaks = [Break(**{"file": given["file"]} | single) for single in given["breaks"]]
    return Part(name, given["tests"], breaks)
