"""The arithmetic of an update: by hand, and beside updates that were measured once."""

from __future__ import annotations

import pytest

from benchmark.forecast import operations
from benchmark.forecast.devices import MEASURED, NAMED, Rates
from benchmark.forecast.estimate import by_arithmetic
from benchmark.forecast.lengths import Lengths, lengths_of
from benchmark.forecast.operations import BatchTokens, Cost, batch_of, of_methods
from benchmark.forecast.shapes import KNOWN, Shape
from benchmark.models import linear

# A core of the machine of the table below: 80 GFLOP/s in a product, 25 GB/s, and 6.9 us to start an operation.
CORE = Rates("core", {"float32": 80e9}, 25e9, 6.9e-6, None, MEASURED)
# A core of a newer machine, which measured the rows of the embedded encoder.
NEWER = Rates("newer", {"float32": 110e9}, 65e9, 5.65e-6, None, MEASURED, "", large=240e9, activation=1.03e-9)
# One on which oneDNN, which runs take for large products, is twice as fast as PyTorch's other library.
WIDER = Rates("wider", {"float32": 108e9}, 57e9, 5.84e-6, None, MEASURED, "", large=214e9, activation=0.96e-9)
ON_WIDER = [  # task, method, CPU seconds of an update of MiniLM, as measured
    ("cola", "", 0.161),
    ("rte", "", 0.806),
    ("rte", "lnsr", 1.940),
    ("mrpc", "freelb", 1.862),
    ("stsb", "rdrop", 0.634),
    ("wnli", "", 0.454),
]
MINILM, EMBEDDED = (
    KNOWN["sentence-transformers/all-MiniLM-L6-v2"],
    KNOWN["benchmark.embedded.encoder.build"],
)
ROWS = [  # model, task, method, GFLOP and CPU seconds of an update, updates and seconds of the whole run, as measured
    ("embedded", "opinion", "rdrop", 0.28, 0.0090, 50, 0.6),
    ("embedded", "closeness", "noisytune", 0.19, 0.0071, 304, 2.7),
    ("minilm", "cola", "", 20.3, 0.316, 21, 10.6),
    ("minilm", "rte", "", 121.0, 1.517, 16, 29.3),
    ("minilm", "mrpc", "hype_n", 96.0, 1.332, 17, 29.1),
    ("minilm", "stsb", "rdrop", 99.6, 1.334, 11, 26.7),
]


def test_a_forward_is_counted_by_hand():
    shape, batch = Shape(hidden=2, layers=1, heads=1, inner=3, vocabulary=5), BatchTokens(1, 4, 16)
    # 8*4 + 4*2*3 = 56 for each of 4 tokens, and 4*2*16 for attention.
    assert operations.forward(shape, batch, every_token=True) == 56 * 4 + 128
    # The only layer is the last: keys and values of all tokens (4*4 + 4*2 each), the rest of one (4*4 + 4*2*3).
    assert operations.forward(shape, batch, every_token=False) == 24 * 4 + 40


def test_weights_are_counted():
    assert MINILM.parameters == pytest.approx(22_713_216, rel=0.005)  # as its checkpoint has
    assert KNOWN["google-bert/bert-base-uncased"].parameters == pytest.approx(109.5e6, rel=0.005)
    assert EMBEDDED.parameters == pytest.approx(84_000, rel=0.4)  # its positions are fewer


@pytest.mark.parametrize(("model", "task", "method", "gflop", "seconds"), [row[:5] for row in ROWS])
def test_an_update_is_forecast_within_a_fifth(model, task, method, gflop, seconds, compose):
    config = compose(f"model={model}", f"task={task}", f"method=[{method}]")
    shape = MINILM if model == "minilm" else EMBEDDED
    batch, cost = batch_of(lengths_of(config).training, 32, padded=False), of_methods(config.method)
    counted = 3 * operations.forward(shape, batch, False) * (1 + cost.passes) / 1e9
    assert counted == pytest.approx(gflop, rel=0.05)
    rates = CORE if model == "minilm" else NEWER
    said = operations.update_seconds(shape, batch, False, cost, rates, "float32")
    assert said == pytest.approx(seconds, rel=0.2)


@pytest.mark.parametrize(("task", "method", "seconds"), ON_WIDER)
def test_large_products_have_the_rate_of_the_library_that_runs_take_for_them(task, method, seconds, compose):
    config = compose("model=minilm", f"task={task}", f"method=[{method}]")
    batch, cost = batch_of(lengths_of(config).training, 32, padded=False), of_methods(config.method)
    said = operations.update_seconds(MINILM, batch, False, cost, WIDER, "float32")
    assert said == pytest.approx(seconds, rel=0.2)
    halved = operations.update_seconds(MINILM, batch, False, cost, WIDER, "bfloat16")
    assert halved is None


def test_a_product_is_large_where_the_models_say_so():
    for name in ("WIDE", "LARGE_IN_WIDE", "LARGE"):
        assert getattr(operations, name) == getattr(linear, name)


@pytest.mark.parametrize(("model", "task", "method", "_", "__", "updates", "seconds"), ROWS)
def test_a_run_is_forecast_within_three_tenths(model, task, method, _, __, updates, seconds, compose):
    config = compose(f"model={model}", f"task={task}", f"method=[{method}]")
    shape = MINILM if model == "minilm" else EMBEDDED
    evaluations = 1 if model == "minilm" else config.protocol.epochs
    rates = CORE if model == "minilm" else NEWER
    said = by_arithmetic(config, shape, lengths_of(config), updates, evaluations, rates)
    assert said.seconds == pytest.approx(seconds, rel=0.3)
    assert said.low < seconds < said.high


@pytest.mark.parametrize(
    ("model", "precision", "task", "milliseconds"),  # results/reference/gpu.md, of an H100
    [
        ("sentence-transformers/all-MiniLM-L6-v2", "float32", "rte", 7.0),
        ("sentence-transformers/all-MiniLM-L6-v2", "float32", "cola", 3.5),
        ("google-bert/bert-base-uncased", "bfloat16", "rte", 9.7),
        ("google-bert/bert-base-uncased", "bfloat16", "cola", 6.5),
    ],
)
def test_updates_of_an_h100_are_forecast_within_a_fifth(model, precision, task, milliseconds, compose):
    batch = batch_of(lengths_of(compose(f"task={task}")).training, 32, padded=False)
    said = operations.update_seconds(KNOWN[model], batch, False, Cost(), NAMED["h100"], precision)
    assert 1000 * said == pytest.approx(milliseconds, rel=0.2)


def test_padding_is_paid_for_where_it_is_computed():
    lengths = Lengths(1000, tuple(float(length) for length in range(10, 110, 5)))
    real, padded = batch_of(lengths, 32, False), batch_of(lengths, 32, True)
    assert padded.tokens == 32 * 105
    assert real.tokens == 32 * lengths.mean


def test_methods_cost_their_passes(compose):
    assert of_methods(compose("method=[rdrop]").method).passes == 1
    assert of_methods(compose("method=[freelb]").method).passes == 2  # K = 3 in place of one
    assert of_methods(compose("method=[freelb_fairseq]").method).passes == 3
    assert of_methods(compose("method=[hype_n,rdrop]").method).passes == 1.05  # its draws
    assert of_methods(compose("method=[child_tuning_d]").method).survey == 1
    assert (
        of_methods(compose("method=[sam]").method).passes
        == of_methods(compose("method=[asam]").method).passes
        == 1
    )
    assert -0.5 < of_methods(compose("method=[lora]").method).passes < -0.2  # of three thirds
    assert of_methods(compose("method=[]").method) == Cost()
