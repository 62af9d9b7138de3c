"""Values in the schema's types, against OmegaConf's own answers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from benchmark.config.conforming import Unsure, conforming, merged
from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.config.table import Table
from benchmark.places import ROOT


def with_types(value: Any) -> Any:
    """To Python 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return [(key, with_types(part)) for key, part in value.items()]
    return [with_types(part) for part in value] if isinstance(value, list) else (type(value), value)


def by_omegaconf(kind: Any, value: Any) -> Any:
    return OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(kind), value))


@pytest.mark.parametrize("path", sorted((ROOT / "sweeps").glob("*/*.yaml"))[::7], ids=str)
def test_a_table_is_what_omegaconf_makes_of_it(path):
    stated = yaml.safe_load(path.read_text()).get("table")
    if stated:
        assert with_types(conforming(Table, stated)) == with_types(by_omegaconf(Table, stated))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ProtocolConfig, {"name": "p", "learning_rate": 1, "epochs": None, "betas": [1, 0.5]}),
        (ProtocolConfig, {"values": {"a": {"b": [1, {"c": None}]}}, "epochs": "${pick:epochs}"}),
        (
            TaskConfig,
            {"train": {"split": "x", "label_map": {"0": "no"}}, "evaluate": {"dev": {"rows": {"a": "b"}}}},
        ),
        (TaskConfig, {"settings": {"all": {"train": [{"split": "y"}]}}, "labels": ["${.name}", "b"]}),
    ],
)
def test_so_is_a_part_with_all_its_defaults(kind, value):
    assert with_types(conforming(kind, value)) == with_types(by_omegaconf(kind, value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ProtocolConfig, {"epoch": 1}),  # refused
        (ProtocolConfig, {"learning_rate": "1e-4"}),  # a number
        (ProtocolConfig, {"batch_size": 1.0}),  # refused
        (ProtocolConfig, {"batch_size": True}),
        (ProtocolConfig, {"batch_size": None}),
        (ProtocolConfig, {"name": 3}),  # a text
        (ProtocolConfig, {"name": "${a"}),  # refused
        (ProtocolConfig, {"betas": {"0": 1.0}}),
        (ProtocolConfig, {"values": {1: 2}}),
        (TaskConfig, {"train": None}),
        (TaskConfig, {"evaluate": {"dev": "validation"}}),
        (TaskConfig, []),
    ],
)
def test_what_has_another_type_is_left_to_omegaconf(kind, value):
    with pytest.raises(Unsure):
        conforming(kind, value)


def test_dictionaries_are_merged_key_by_key_as_omegaconf_does():
    old, new = {"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2], "e": None}, "f": {}}
    assert merged(old, new) == OmegaConf.to_container(OmegaConf.merge(old, new))
    assert old == {"a": {"b": 1, "c": [1]}, "d": 2}


def test_defaults_are_copies():
    conforming(ProtocolConfig, {})["betas"].append(1.0)
    assert conforming(ProtocolConfig, {})["betas"] == [0.9, 0.999]
