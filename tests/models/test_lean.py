"""Models are imported without PyTorch's compiler, and whoever asks for it afterwards has it."""

from __future__ import annotations

import subprocess
import sys

from benchmark.config.compose import ROOT

CODE = """
import sys
from benchmark.models.lean import StandIn, import_models, without_compiler
import_models()
import torch
from transformers import BertConfig, BertModel
sizes = dict(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4)
with torch.device("meta"), without_compiler():
    BertModel(BertConfig(**sizes))
    assert isinstance(sys.modules["torch._dynamo"], StandIn)
print(*{"sympy", "torch._dynamo", "torch.distributed.tensor", "accelerate", "scipy.optimize"} & set(sys.modules))
from transformers.masking_utils import TransformGetItemToIndex as imported_before
with without_compiler():
    import torch._dynamo as standing_in
    print(standing_in.config.cache_size_limit > 0, "sympy" in sys.modules)
import torch._dynamo
from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex
print(isinstance(torch._dynamo, StandIn), isinstance(imported_before(), TransformGetItemToIndex))
"""


def test_the_compiler_is_not_imported_with_models_and_is_there_for_whoever_asks_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\nTrue True\nFalse True\n"), done.stderr


def test_a_release_that_needs_what_is_left_out_is_imported_whole() -> None:
    code = """
import sys
from benchmark.models import lean
lean.ABSENT = ()
lean.import_models()
print("transformers.modeling_utils" in sys.modules)
from transformers import BertForSequenceClassification
print("torch._dynamo" in sys.modules, isinstance(sys.modules["torch._dynamo"], lean.StandIn))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\nTrue False\n"), done.stderr
