"""`${pick:…}`: a protocol's values per model, task and methods."""

from __future__ import annotations

import pytest

from benchmark.errors import one_line

PICK = ("+protocol.values.rates={%s}", "protocol.learning_rate=${pick:rates}")


def rate(compose, table: str, *choices: str) -> float:
    return compose(*choices, PICK[0] % table, PICK[1]).protocol.learning_rate


@pytest.mark.parametrize(
    ("table", "choices", "value"),
    [
        ("default: 3", [], 3),
        ("opinion: 1, default: 3", [], 1),
        ("opinion: 1, default: 3", ["task=rte"], 3),
        ("embedded: {rte: 2, default: 1}, default: 3", ["task=rte"], 2),
        ("embedded: {rte: 2, default: 1}, default: 3", ["model=minilm", "task=rte"], 3),
        ("noisytune: {embedded: 5}, default: 3", ["method=[noisytune]"], 5),
        ("noisytune: {embedded: 5}, default: 3", ["method=[noisytune,sage]"], 3),
        ("noisytune+sage: 7, default: 3", ["method=[sage,noisytune]"], 7),
        ("vanilla: 1, default: 3", [], 1),
        ("vanilla: 1, default: 3", ["method=[noisytune]"], 3),
        ("opinion: 1, embedded: 2, vanilla: 4, default: 3", [], 4),
        ("opinion: 1, embedded: 2, default: 3", [], 2),
    ],
)
def test_methods_come_before_the_model_and_the_model_before_the_task(table, choices, value, compose):
    assert rate(compose, table, *choices) == value


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            "rte: 1",
            "protocol.values.rates has nothing for vanilla embedded opinion: it needs 'default' (it has rte)",
        ),
        ("embedded: {rte: 1}", "protocol.values.rates.embedded has nothing for vanilla embedded opinion"),
    ],
)
def test_a_run_without_a_value_is_told_where_it_lacks(table, line, compose):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the claim is what becomes of it)
        rate(compose, table)
    assert line in one_line(caught.value)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["xlnet_large_cased", "rte"], (None, 800, 200, 32)),
        (["xlnet_large_cased", "cola"], (None, 1200, 120, 64)),
        (["xlnet_large_cased", "stsb"], (None, 3000, 500, 32)),
        (["electra_large", "stsb"], (10, None, 0.1, 32)),
        (["electra_large", "mrpc"], (3, None, 0.1, 32)),
        (["bert_large_uncased", "cola"], (3, None, 0.1, 16)),
        (["deberta_large", "cola"], (6, None, 100, 16)),
    ],
)
def test_hypes_settings_are_those_of_its_table_11_and_appendix_f(choices, expected, compose):
    protocol = compose("protocol=hype", f"model={choices[0]}", f"task={choices[1]}").protocol
    assert tuple(getattr(protocol, key) for key in ("epochs", "steps", "warmup", "batch_size")) == expected


@pytest.mark.parametrize(
    ("model", "method", "task", "expected"),
    [
        ("bert_base_uncased", "[]", "mnli", 8e-5),
        ("bert_base_uncased", "[pats]", "mnli", 1e-4),
        ("bert_base_uncased", "[sage]", "mnli", 8e-5),
        ("roberta_large", "[pats]", "sst2", 1e-5),
        ("roberta_large", "[]", "qqp", 1e-4),
    ],
)
def test_patss_rates_are_those_of_its_table_2(model, method, task, expected, compose):
    config = compose("protocol=pats", f"model={model}", f"method={method}", f"task={task}")
    assert config.protocol.learning_rate == expected
