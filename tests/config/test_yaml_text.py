"""The tree of a YAML text is the same by libyaml and by PyYAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from omegaconf._utils import get_yaml_loader

from benchmark.config import yaml_text
from benchmark.config.compose import ROOT

FILES = [path for folder in ("conf", "sweeps") for path in sorted((ROOT / folder).rglob("*.yaml"))]


def shown(node: yaml.Node | None) -> Any:
    """A tree with the tag, the line, the column and the quotation of every node."""
    if node is None:
        return None
    inner = [shown(part) for part in node.value] if isinstance(node, yaml.SequenceNode) else node.value
    if isinstance(node, yaml.MappingNode):
        inner = [(shown(key), shown(value)) for key, value in node.value]
    quoted = node.style or "" if isinstance(node, yaml.ScalarNode) else ""
    return node.tag, node.start_mark.line, node.start_mark.column, quoted, inner


def test_every_file_of_ours_has_one_tree() -> None:
    fast, slow = yaml_text._kinds()
    assert issubclass(fast, slow)
    assert FILES
    for text in [
        *(path.read_text() for path in FILES),
        "",
        "# nothing",
        "a: &b {c: 1}\nd: *b\n<<: {e: 2}",
        "{a: 1, b: [no, 010, 1e10, 1:30, ~, 'x', \"y\", 2020-01-01]}",
        "a: |\n  more\n  text\nb: >-\n  folded\n  text\n",
    ]:
        assert shown(fast(text).get_single_node()) == shown(slow(text).get_single_node())


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\ta: 1", "a: \x01", "'", "a: *b", "- a\nb: c"])
def test_a_text_is_refused_in_the_words_of_pyyaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError) as expected:
        get_yaml_loader()(text).get_single_node()
    with pytest.raises(yaml.YAMLError) as refused:
        yaml_text.parsed(text)
    assert str(refused.value) == str(expected.value)


def test_a_text_is_read_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    [slow] = yaml_text._kinds.__wrapped__()
    assert slow("a: 1").get_single_data() == {"a": 1}
