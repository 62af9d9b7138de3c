"""Facts about methods from their own files, without importing them or repeating their texts."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmark.places import PACKAGE, ROOT

FOLDER = ROOT / "conf" / "method"
SAID = ("paper", "cost")  # attributes of a class that are texts for people


@dataclass(frozen=True)
class MethodFacts:
    """A method as its files describe it.

    ``about`` and ``does`` are the paragraphs of its module and of its class; ``remarks`` are the comments of its
    file in ``conf/method``, and ``settings`` its lines.
    """

    name: str
    title: str
    about: list[str]
    does: list[str]
    paper: str
    cost: str
    remarks: str
    settings: list[str]
    source: str


def every() -> list[MethodFacts]:
    """The facts of every method with a file in ``conf/method``."""
    return [facts(path) for path in sorted(FOLDER.glob("*.yaml"))]


def facts(path: Path) -> MethodFacts:
    """The facts of the method whose file is at ``path``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#") and not line.startswith("# @package")]
    settings = [line for line in lines if line.strip() and not line.startswith("#")]
    target = str((yaml.safe_load("\n".join(settings)) or {}).get("_target_", ""))
    module, _, name = target.rpartition(".")
    source = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    tree = ast.parse(source.read_text(encoding="utf-8")) if source.is_file() else ast.parse("")
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    title, *about = paragraphs(ast.get_docstring(tree) or path.stem)
    definition = classes.get(name)
    return MethodFacts(
        name=path.stem,
        title=title,
        about=about,
        does=paragraphs(ast.get_docstring(definition) or "") if definition else [],
        **{key: _said(classes, name, key) for key in SAID},
        remarks=" ".join(line.lstrip("# ") for line in comments),
        settings=[line for line in settings if not line.startswith("_target_")],
        source=f"benchmark/{source.relative_to(PACKAGE)}" if source.is_file() else target,
    )


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, each on one line; formulas, which are indented, stay as they are."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return [block if block.startswith("    ") else " ".join(block.split()) for block in blocks]


def _said(classes: dict[str, ast.ClassDef], name: str, key: str) -> str:
    """A class's text attribute, if necessary from its base class in the same file."""
    node = classes.get(name)
    if node is None:
        return ""
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id == key:
            return str(ast.literal_eval(line.value)) if line.value else ""
    bases = (base.id for base in node.bases if isinstance(base, ast.Name) and base.id in classes)
    return next((said for base in bases if (said := _said(classes, base, key))), "")
