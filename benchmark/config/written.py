"""YAML files, kept as they are written where the schema wants text.

YAML 1.1 reads ``no`` as false, ``010`` as 8, ``1_1`` as 11, ``1e10`` as a number and ``1:30`` as 90. If the
schema's type is text, keys and values stay as they were written. All others are read as YAML 1.1 does.
"""

from __future__ import annotations

import os
import re
import types
import typing
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from omegaconf import OmegaConf

from benchmark.config.names import check_file
from benchmark.config.schema import RunConfig
from benchmark.config.yaml_text import parsed
from benchmark.errors import BenchmarkError

STRING, NULL, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"
BOOL, NUMBERS = "tag:yaml.org,2002:bool", ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
READ_OTHERWISE = re.compile(r"[-+]?0[0-9_]+|.*:.*")  # octal, and base 60
GLOBAL = "_global_"


class WrittenSource(FileConfigSource):
    """Hydra's source of configuration files, which reads them as they are written."""

    def load_config(self, config_path: str) -> ConfigResult:
        """The content of a file.

        Raises: BenchmarkError naming file, line and column, for text that is not YAML.
        """
        name = self._normalize_file_name(config_path)
        path = Path(self.path, name)
        if not path.exists():
            raise ConfigLoadError(f"Config not found : {path.resolve()}")
        stated, header = content(path, os.path.dirname(name))
        return ConfigResult(
            config=OmegaConf.create(stated),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=header,
        )


# Hydra registers its own source again in every process of a launcher; a source of another name would be an
# error.
WrittenSource.__name__ = FileConfigSource.__name__


def register() -> None:
    """Let Hydra read configuration files as they are written."""
    Plugins.instance()  # registers Hydra's own source first, since Hydra would not let it replace ours later
    SourcesRegistry.instance().types[WrittenSource.scheme()] = WrittenSource


def content(path: Path, group: str) -> tuple[dict[Any, Any], dict[str, str | None]]:
    """The content of a configuration file of ``group``, not to be changed, and its header.

    Raises: BenchmarkError naming file, line and column, for text that is not a mapping, an empty file, or a file
    of a method or probe that declares another name.
    """
    text = read(path)
    header = ConfigSource._get_header_dict(text[:512])
    stated = _loaded(text, path, type_of(header.get("package"), group))
    if stated is None:
        raise BenchmarkError(f"{path}: is empty; write its keys and values, or {{}} if it is to have none")
    if not isinstance(stated, dict):
        raise BenchmarkError(f"{path}: must be a mapping of keys to values, not {stated!r}")
    check_file(path, group, place_of(header.get("package"), group))
    return stated, header


@cache
def _loaded(text: str, path: Path, kind: Any) -> Any:
    """The content of a text; cached, since Hydra reads a file again for everything that it composes."""
    return load(text, path, kind)


def read(path: Path) -> str:
    """The text of a configuration file, without a byte order mark.

    Raises: BenchmarkError for text that is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path}: not UTF-8 (byte 0x{error.object[error.start]:02x})") from error


def load(text: str, path: Path, kind: Any = Any) -> Any:
    """The content of a YAML text for a place of the type ``kind``.

    Raises: BenchmarkError naming file, line and column, for text that is not YAML.
    """
    try:
        loader, node = parsed(text)
        if node is None:
            return None
        keep_text(node, kind)
        check_keys(node, path)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BenchmarkError(f"{path}{place}: {_said(error)}") from error
    except RecursionError as error:
        raise BenchmarkError(f"{path}: an alias (*) inside the value that it stands for") from error
    except (yaml.YAMLError, ValueError) as error:  # a control character; a number such as 1:99
        raise BenchmarkError(f"{path}: {' '.join(str(error).split())}") from error


def keep_text(node: yaml.Node, kind: Any, inner: bool = False) -> None:
    """Mark the scalars of a tree as text where its type ``kind`` says so.

    In a list or dictionary of texts (``inner``), ``null`` is a text too. Raises: yaml.MarkedYAMLError for
    words and numbers elsewhere that YAML 1.1 reads in its own way.
    """
    kind = required(kind)
    _check_form(node, kind)
    if isinstance(node, yaml.ScalarNode):
        if kind is not str:
            _check_meant(node, kind)
        elif not node.style and (node.tag != NULL or (inner and node.value not in ("", "~"))):
            node.tag = STRING
    elif isinstance(node, yaml.SequenceNode):
        [member] = typing.get_args(kind) if typing.get_origin(kind) is list else [Any]
        for value in node.value:
            keep_text(value, member, True)
    elif isinstance(node, yaml.MappingNode):
        fields = fields_of(kind)
        keys, values = typing.get_args(kind) if typing.get_origin(kind) is dict else (str, Any)
        for key, value in node.value:
            if key.tag == MERGE:
                keep_text(value, kind)
                continue
            keep_text(key, keys if kind is not Any else Any, True)
            keep_text(value, fields.get(key.value, Any) if fields else values, not fields)


def _check_form(node: yaml.Node, kind: Any) -> None:
    """Refuse a list in place of a mapping, or the other way round.

    Raises: yaml.MarkedYAMLError.
    """
    wanted = "list" if typing.get_origin(kind) is list else ""
    if is_dataclass(kind) or typing.get_origin(kind) is dict:
        wanted = "mapping"
    form = "mapping" if isinstance(node, yaml.MappingNode) else "list"
    if isinstance(node, yaml.ScalarNode):
        form = "text" if node.tag != NULL and "${" not in node.value else ""
    if (wanted, form) in (("list", "mapping"), ("mapping", "list"), ("mapping", "text")):
        example = "[a, b]" if wanted == "list" else "{key: value}"
        problem = f"a {form} where a {wanted} is wanted, such as {example}"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _check_meant(node: yaml.ScalarNode, kind: Any) -> None:
    """Refuse values that the author probably meant in another way than YAML 1.1 reads them.

    Raises: yaml.MarkedYAMLError.
    """
    if node.style:
        return
    problem = None
    if kind is Any and node.tag == BOOL and node.value.lower() not in ("true", "false"):
        problem = f"{node.value} is read as true or false: write that, or put {node.value!r} in quotes"
    elif node.tag in NUMBERS and READ_OTHERWISE.fullmatch(node.value):
        problem = (
            f"{node.value} is not read as the number it looks like: write a decimal, or quote '{node.value}'"
        )
    if problem:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def check_keys(node: yaml.Node, path: Path) -> None:
    """Refuse a key that is there twice.

    Raises: BenchmarkError naming file, line and key.
    """
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            check_keys(value, path)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if key.tag != MERGE and name in lines:
                raise BenchmarkError(
                    f"{path}, line {line}: the key {name!r} is in line {lines[name]} already"
                )
            lines[name] = line
            check_keys(value, path)


def type_of(package: str | None, group: str) -> Any:
    """The schema's type for the content of a file: at its header's ``package``, else at its group."""
    place = place_of(package, group)
    return RunConfig if place in (GLOBAL, "") else type_at(place)


def place_of(package: str | None, group: str) -> str:
    """The dotted key that a file fills: its header's ``package``, else its group."""
    place = (package or "_group_").replace("_group_", group.replace("/", "."))
    return place.removeprefix(f"{GLOBAL}.")


@cache
def type_at(key: str) -> Any:
    """The schema's type at a dotted key; Any if the schema does not say."""
    kind: Any = RunConfig
    for name in key.split("."):
        of_values = typing.get_args(kind)[1] if typing.get_origin(kind) is dict else Any
        kind = required(fields_of(kind).get(name, of_values))
    return kind


def required(kind: Any) -> Any:
    """The type without its None."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        [kind] = [part for part in typing.get_args(kind) if part is not type(None)] or [Any]
    return kind


@cache
def fields_of(kind: Any) -> dict[str, Any]:
    """The types of a dataclass by field; nothing for other types."""
    return typing.get_type_hints(kind) if is_dataclass(kind) else {}


def _said(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context).split())
    hints = {
        "'\\t'": "a tab; indent with spaces",
        "mapping values are not allowed": "a colon; put a text with a colon in quotation marks",
    }
    hint = next((hint for words, hint in hints.items() if words in problem), "")
    return f"{problem} ({hint})" if hint else problem
