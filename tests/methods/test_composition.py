"""Any two methods either work together with the meaning stated here, or are refused with the reason.

perturbed weights + anchors         pulled to the clean checkpoint (`anchor: perturbed`: to what noise left)
hidden noise + extra passes         every training pass is noised, the clean one too, never twice alike
LNSR, R-Drop, R3F, SMART            share the one clean pass; each adds passes of its own
Mixout + extra passes               masks follow dropout: shared with it, or drawn anew
Mixout + R-Drop                     with dropout off, the disagreement is that of the masks
PATS + Child-Tuning                 noise is not masked; `mask_noise` leaves masked weights alone
PATS + SAGE                         two running means, each with its own beta
Child-Tuning + SAGE                 sensitivity is that of the masked gradient: 0 where it is masked
anchors + Child-Tuning, SAGE        RecAdam and PriorWD pull masked weights too, and in full; L2-SP is
                                    part of the gradient, and is masked and scaled with it
two anchors                         redundant, and both pull
re-init + anchors                   re-initialised blocks are anchored to what was drawn
dropout                             off if one method switches it off
adapters + noise in the weights     NoisyTune's stays in the frozen weights; PATS's is on the adapters
adapters + Child-Tuning, top-k      the adapters are masked, or frozen below the top k, as their layers are
adapters + anchors                  refused: adapters are in no checkpoint
anti-PGD + noise, pulls             its own noise alone is taken out again, what others do to the weights stays
LP-FT + surveys                     in alphabetical order: Child-Tuning-D's is with the drawn head
Child-Tuning + DPS                  both mask; DPS ranks the gradients that Child-Tuning leaves
mixup + terms of other passes       the mixed pass is the task's; terms compare clean passes, which cost one more
word dropout + other passes         every pass leaves out other words; noise on embeddings stays in what is left out
Match-Tuning + further passes       the examples of every training pass are matched, those of one pass among themselves
DPS Mix + Mixout                    refused: a linear module has one mixture
RIFLE + averages of weights         refused: heads that were drawn apart have no mean
RIFLE + R4F                         refused: a largest singular value does not follow a new head
RIFLE, LP-FT + pulls of the head    refused: to a random head that is gone (Mixout of all modules, PriorWD as released)
LP-FT + SMART                       SMART's average begins with the trained head
two that replace the task loss      refused, and R-Drop beside one: its second cross-entropy would be plain
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.config.compose import ROOT
from benchmark.errors import BenchmarkError
from benchmark.methods import Method, build, prepare
from benchmark.methods.child_tuning import ChildTuningD
from benchmark.methods.hype import HyPe
from benchmark.methods.l2sp import L2SP
from benchmark.methods.lnsr import LNSR
from benchmark.methods.mixout import Mixout
from benchmark.methods.noisytune import NoisyTune
from benchmark.methods.pats import PATS
from benchmark.methods.prior_wd import PriorWD
from benchmark.methods.r3f import R3F
from benchmark.methods.rdrop import RDrop
from benchmark.methods.recadam import RecAdam
from benchmark.methods.reinit import ReInit
from benchmark.methods.sage import SAGE
from benchmark.methods.smart import SMART
from benchmark.models.architecture import encoder_of
from benchmark.step.groups import parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.step.passes import Step, total_loss
from benchmark.testing.fixtures import CPU, LAYERS, PROTOCOL, settings_of, small_task, tiny_model
from helpers.tuning import finetune

# One file of every class, and those whose meaning differs beside others.
NAMES = [
    *(
        "bitfit",
        "layer_norm_tuning",
        "lora",
        "dora",
        "child_tuning_d",
        "child_tuning_d_fisher",
        "child_tuning_f",
    ),
    *("ema", "swa", "freelb", "freelb_fairseq", "ft_noise", "hype_n", "hype_n_dropout", "l2sp"),
    *("layer_decay", "lnsr", "mixout", "mixout_released", "no_dropout", "neftune", "noisytune"),
    *("pats", "pats_even", "prior_wd", "r3f", "r3f_released", "r4f", "rdrop", "recadam"),
    *("recadam_random_start", "reinit", "sage", "sage_released", "sam", "smart", "smart_mtdnn", "top_k"),
    *(
        "weight_noise",
        "anti_pgd",
    ),
    *("lp_ft",),
    *("dps", "dps_mix", "match_tuning", "rifle", "word_dropout"),
    *(
        "label_smoothing",
        "flooding",
        "mixup",
        "wise_ft",
    ),
]
VARIANTS = {
    ("dps", "dps_mix"),
    ("anti_pgd", "weight_noise"),
    ("child_tuning_d", "child_tuning_d_fisher"),
    ("freelb", "freelb_fairseq"),
    ("hype_n", "hype_n_dropout"),
    ("dora", "lora"),
    ("mixout", "mixout_released"),
    ("sage", "sage_released"),
    ("r3f", "r3f_released"),
    ("r3f", "r4f"),
    ("r3f_released", "r4f"),
    ("pats", "pats_even"),
    ("recadam", "recadam_random_start"),
    ("smart", "smart_mtdnn"),
}
MEANINGLESS = {
    ("dps_mix", "mixout"): "each mixes the weights",
    ("dps_mix", "mixout_released"): "each mixes the weights",
    ("ema", "rifle"): "heads that were drawn apart",
    ("rifle", "swa"): "heads that were drawn apart",
    ("mixout_released", "rifle"): "modules=encoder",
    ("lp_ft", "mixout_released"): "modules=encoder",
    ("rifle", "smart"): "heads that were drawn apart",
    ("r4f", "rifle"): "follows a head by small steps",
    ("dora", "wise_ft"): "not in the checkpoint",
    ("lora", "wise_ft"): "not in the checkpoint",
    ("reinit", "wise_ft"): "no weights of the checkpoint",
    ("anti_pgd", "wise_ft"): "weights that are evaluated",
    ("swa", "wise_ft"): "weights that are evaluated",
    ("ema", "wise_ft"): "weights that are evaluated",
    ("mixup", "rdrop"): "task loss",
    ("label_smoothing", "rdrop"): "task loss",
    ("flooding", "rdrop"): "task loss",
    ("label_smoothing", "mixup"): "both replace the task loss",
    ("freelb_fairseq", "mixup"): "both replace the task loss",
    ("freelb_fairseq", "label_smoothing"): "both replace the task loss",
    ("freelb", "mixup"): "both replace the task loss",
    ("freelb", "label_smoothing"): "both replace the task loss",
    ("flooding", "mixup"): "both replace the task loss",
    ("flooding", "label_smoothing"): "both replace the task loss",
    ("flooding", "freelb_fairseq"): "both replace the task loss",
    ("flooding", "freelb"): "both replace the task loss",
    ("anti_pgd", "swa"): "weights that are evaluated",
    ("anti_pgd", "ema"): "weights that are evaluated",
    ("bitfit", "layer_norm_tuning"): "each freezes",
    ("ema", "swa"): "weights that are evaluated",
    ("freelb", "rdrop"): "task loss",
    ("freelb_fairseq", "rdrop"): "task loss",
    ("mixout_released", "r4f"): "modules=encoder",
    ("noisytune", "recadam_random_start"): "start=pretrained",
    ("recadam_random_start", "top_k"): "start=pretrained",
    ("reinit", "top_k"): "would stay random",
}
FREEZING = {  # beside one that trains a small part of the encoder
    "dps_mix": "frozen at their start",
    "mixout": "frozen at their start",
    "mixout_released": "frozen at their start",
    "reinit": "would stay random",
}
MEANINGLESS |= {
    tuple(sorted((part, other))): reason
    for part in ("bitfit", "layer_norm_tuning", "lora", "dora")
    for other, reason in FREEZING.items()
}
MEANINGLESS |= {
    tuple(sorted((adapter, other))): reason
    for adapter in ("lora", "dora")
    for other, reason in {
        "bitfit": "each freezes",
        "layer_norm_tuning": "each freezes",
        "l2sp": "not in the checkpoint",
        "prior_wd": "not in the checkpoint",
        "recadam": "not in the checkpoint",
        "recadam_random_start": "not in the checkpoint",
        "sage_released": "fidelity=paper",
    }.items()
}
WEIGHT = "bert.encoder.layer.0.output.dense.weight"


def chosen(*names: str) -> dict[str, Any]:
    return {name: settings(name) for name in names}


@functools.cache
def settings(name: str) -> dict[str, Any]:
    return settings_of(ROOT / "conf" / "method" / f"{name}.yaml")


@pytest.mark.parametrize("pair", list(combinations(sorted(NAMES), 2)), ids="+".join)
def test_two_methods_work_together_or_are_refused_with_the_reason(pair: tuple[str, str]) -> None:
    both, turned = chosen(*pair), chosen(*reversed(pair))
    if pair in VARIANTS or pair in MEANINGLESS:
        for methods in (both, turned):
            with pytest.raises(BenchmarkError, match="cannot act together: ") as refusal:
                build(methods)
            assert all(f"method.{name}" in str(refusal.value) for name in pair)
            assert MEANINGLESS.get(pair, "two variants of") in str(refusal.value)
        return
    assert list(build(both)) == list(build(turned)) == sorted(pair)  # a run knows no other order
    model, methods, task = (
        tiny_model(),
        build(both),
        replace(small_task(), evaluation={}),
    )  # metrics take longest
    prepare(methods, model, 1)
    outcome = finetune(model, task, methods, replace(PROTOCOL, epochs=0.5), 1, CPU)
    assert outcome.diverged is None
    assert len(outcome.losses) == 2
    assert np.isfinite(outcome.losses).all()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    with torch.no_grad():
        evaluated = model.eval()(**task.batch(task.training, range(4))).logits
    assert evaluated.isfinite().all()


def test_every_class_of_methods_is_among_the_pairs() -> None:
    files = {path.stem: settings_of(path) for path in (ROOT / "conf" / "method").glob("*.yaml")}
    classes = {settings["_target_"] for settings in files.values()}
    assert {files[name]["_target_"] for name in NAMES} == classes


# --- The meaning of a pair, by numbers ----------------------------------------------------------------


def step_on(
    methods: dict[str, Method], dropout: float = 0.1
) -> tuple[Step, dict[str, torch.Tensor], Callable[[], list[torch.Tensor]]]:
    """A step on a small model made ready, the checkpoint's weights, and what layer 2 has received so far."""
    model, task = tiny_model(dropout), small_task()
    clean = {name: value.clone() for name, value in model.state_dict().items()}
    prepare(dict(sorted(methods.items())), model, 1)
    received: list[torch.Tensor] = []
    encoder = encoder_of(model.train())
    encoder.layers[1].register_forward_pre_hook(lambda _, inputs: received.append(inputs[0].detach()))
    inputs, targets = task.batch(task.training, range(4)), task.training.targets[:4]
    return Step(model, encoder, task, inputs, targets, 0, 10, seed=1), clean, lambda: received


def updated(
    methods: dict[str, Method],
    gradient: float | None = None,
    rate: float = 1e-3,
    start: Callable[[nn.Module], None] = lambda model: None,
) -> tuple[nn.Module, dict[str, torch.Tensor], torch.Tensor]:
    """A small model after one update with AdamW -> (model, weights before, the gradient of WEIGHT)."""
    model = tiny_model()
    ordered = dict(sorted(methods.items()))
    prepare(ordered, model, 1)
    start(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    draw = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=draw) if gradient is None else None
    seen = torch.zeros(()) if gradient is not None else model.get_parameter(WEIGHT).grad.clone()
    optimizer = Optimizer(
        parameter_groups(model, 0.0), "adamw", (0.9, 0.999), 1e-8, lambda _: rate, list(ordered.values()), 10
    )
    optimizer.step()
    return model, before, seen


def half_masked(model: nn.Module) -> torch.Tensor:
    """A mask that keeps the upper half of WEIGHT."""
    mask = torch.ones_like(model.get_parameter(WEIGHT), dtype=torch.bool)
    mask[len(mask) // 2 :] = False
    return mask


def masking(method: ChildTuningD) -> Callable[[nn.Module], None]:
    """As a survey would leave ``method``."""

    def set_masks(model: nn.Module) -> None:
        method.masks = {WEIGHT: half_masked(model)}

    return set_masks


class Constant:
    """Noise that is one number."""

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.ones_like(state)


class ConstantHyPe(Constant, HyPe): ...


class ConstantLNSR(Constant, LNSR): ...


@pytest.mark.parametrize("anchored", [RecAdam(pull=100.0, t0=5), PriorWD(weight_decay=100.0)], ids=repr)
def test_weights_that_noisytune_perturbed_are_pulled_to_the_clean_checkpoint(anchored: Method) -> None:
    clean = tiny_model().state_dict()[WEIGHT]
    model, before, _ = updated({"anchor": anchored, "noisytune": NoisyTune()}, gradient=0.0)
    learnt = anchored.annealed(1) if isinstance(anchored, RecAdam) else 0.0
    expected = before[WEIGHT] - 1e-3 * (1 - learnt) * 100 * (before[WEIGHT] - clean)
    assert not torch.equal(before[WEIGHT], clean)
    torch.testing.assert_close(model.get_parameter(WEIGHT).detach(), expected)


@pytest.mark.parametrize("anchor", ["clean", "perturbed"])
def test_l2sp_measures_the_distance_to_the_anchor_it_is_told(anchor: str) -> None:
    step, *_ = step_on({"l2sp": (l2sp := L2SP(beta=0.0, anchor=anchor)), "noisytune": NoisyTune()})
    assert (l2sp.loss(step).item() > 0) == (anchor == "clean")


@pytest.mark.parametrize("regulariser", [RDrop(), R3F(sigma=0.0)], ids=lambda method: type(method).__name__)
def test_hype_noises_both_passes_with_noise_of_their_own(regulariser: Method) -> None:
    methods = {"hype": HyPe(sigma=0.1), "regulariser": regulariser}
    step, _, received = step_on(methods, dropout=0.0)
    total_loss(step, list(methods.values()))
    first, second = received()
    plain, _, without = step_on({}, dropout=0.0)
    total_loss(plain, [])
    [clean] = without()
    assert not torch.equal(first, second)
    for noised in (first, second):
        assert 0.05 < (noised - clean).std().item() < 0.5


@pytest.mark.parametrize("layer", [1, 2])
def test_hypes_noise_is_in_both_passes_of_lnsr_and_on_its_layer_too(layer: int) -> None:
    methods = {"hype": ConstantHyPe(sigma=0.1, layers=[layer]), "lnsr": ConstantLNSR(sigma=0.01, layer=layer)}
    step, *_ = step_on(methods, dropout=0.0)
    seen: list[torch.Tensor] = []
    step.encoder.layers[layer - 1].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach())
    )
    total_loss(step, list(methods.values()))
    clean_pass, noised_pass = seen
    torch.testing.assert_close(clean_pass, step.hidden_states[layer - 1] + 0.1)
    torch.testing.assert_close(noised_pass, step.hidden_states[layer - 1] + 0.1 + 0.01)


class SilentLNSR(LNSR):
    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.zeros_like(state)


@pytest.mark.parametrize(("dropout", "same"), [("shared", True), ("independent", False)])
def test_the_passes_of_lnsr_share_the_masks_of_mixout_where_they_share_dropout(
    dropout: str, same: bool
) -> None:
    moved = Mixout(attention_dropout=False)
    step, *_ = step_on({"mixout": moved, "lnsr": (lnsr := SilentLNSR(dropout=dropout))})
    with torch.no_grad():
        for parameter in step.model.parameters():
            parameter.mul_(1.1)  # away from the target, or masks would not matter
    assert (lnsr.loss(step).item() == 0) == same


def test_without_dropout_the_disagreement_of_rdrop_is_that_of_mixouts_masks() -> None:
    for probability, agree in ((0.0, False), (0.7, False), (0.7, True)):
        methods: dict[str, Method] = {"rdrop": RDrop()}
        methods["mixout"] = Mixout(probability, attention_dropout=False)
        step, *_ = step_on(methods, dropout=0.0 if probability == 0 else 0.1)
        if not agree and probability:
            with torch.no_grad():
                for parameter in step.model.parameters():
                    parameter.mul_(1.1)
        second = step.forward("independent", "rdrop")
        # Weights at their target are the same under every mask, up to rounding.
        apart = (step.logits - second).abs().max().item()
        assert (apart > 1e-4) == (probability > 0 and not agree)


def test_the_clean_pass_is_computed_once_for_all() -> None:
    methods: dict[str, Method] = {"lnsr": LNSR(), "r3f": R3F(), "rdrop": RDrop(), "smart": SMART(mu=0.0)}
    step, _, received = step_on(methods)
    total_loss(step, list(methods.values()))
    assert len(received()) == 1 + 1 + 1 + 1 + 2  # SMART: an ascent and the term


@pytest.mark.parametrize("mask_noise", [False, True])
def test_the_noise_of_pats_is_masked_by_child_tuning_only_if_told(mask_noise: bool) -> None:
    child = ChildTuningD()
    noise = PATS(probability=1.0, mask_noise=mask_noise)
    model, before, _ = updated({"child": child, "pats": noise}, start=masking(child))
    mask = half_masked(model)
    moved = model.get_parameter(WEIGHT) != before[WEIGHT]
    assert moved[mask].all()
    assert bool(moved[~mask].any()) != mask_noise


def test_pats_and_sage_keep_running_means_of_their_own() -> None:
    pats, sage = PATS(beta=0.75), SAGE(beta=0.5)
    _, before, gradient = updated({"pats": pats, "sage": sage})
    now = (before[WEIGHT] * gradient).abs()
    torch.testing.assert_close(pats.sensitivity.means[WEIGHT], 0.25 * now)
    torch.testing.assert_close(sage.sensitivity.means[WEIGHT], 0.5 * now)


@pytest.mark.parametrize("name", ["a_prior", "z_prior"])
def test_sensitivities_are_taken_before_a_pull_moves_weights(name: str) -> None:
    sage = SAGE(beta=0.5)
    pull = PriorWD(weight_decay=100.0)
    start = lambda model: nn.init.constant_(model.get_parameter(WEIGHT), 0.5)  # noqa: E731
    _, before, gradient = updated({name: pull, "sage": sage}, start=start)
    torch.testing.assert_close(sage.sensitivity.means[WEIGHT], 0.5 * (before[WEIGHT] * gradient).abs())


def test_sage_sees_no_sensitivity_where_child_tuning_masks_and_nothing_moves_there() -> None:
    child, sage = ChildTuningD(), SAGE()
    model, before, _ = updated({"child": child, "sage": sage}, start=masking(child))
    mask = half_masked(model)
    assert not sage.sensitivity.means[WEIGHT][~mask].any()
    assert torch.equal(model.get_parameter(WEIGHT)[~mask], before[WEIGHT][~mask])
    assert not torch.equal(model.get_parameter(WEIGHT)[mask], before[WEIGHT][mask])


def test_recadam_pulls_masked_weights_and_sage_does_not_scale_the_pull() -> None:
    shake = lambda model: nn.init.constant_(model.get_parameter(WEIGHT), 0.5)  # noqa: E731
    alone, before, _ = updated({"sage": SAGE()}, start=shake)
    recadam = RecAdam(pull=100.0, t0=2, k=1.0)
    both, _, _ = updated({"recadam": recadam, "sage": SAGE()}, start=shake)
    learnt = recadam.annealed(1)
    step = alone.get_parameter(WEIGHT) - before[WEIGHT]
    moved = before[WEIGHT] + learnt * step
    expected = moved - 1e-3 * (1 - learnt) * 100 * (moved - tiny_model().state_dict()[WEIGHT])
    torch.testing.assert_close(both.get_parameter(WEIGHT), expected)

    child = ChildTuningD()
    masked, before, _ = updated(
        {"child": child, "recadam": recadam}, start=lambda model: (shake(model), masking(child)(model))
    )
    hidden = ~half_masked(masked)
    pulled = before[WEIGHT] - 1e-3 * (1 - learnt) * 100 * (before[WEIGHT] - tiny_model().state_dict()[WEIGHT])
    torch.testing.assert_close(masked.get_parameter(WEIGHT)[hidden], pulled[hidden])


def test_re_initialised_blocks_are_anchored_to_what_was_drawn() -> None:
    _, before, _ = updated({"l2sp": (l2sp := L2SP()), "reinit": ReInit(layers=LAYERS)})
    assert torch.equal(l2sp.anchors[WEIGHT], before[WEIGHT])
    assert not torch.equal(before[WEIGHT], tiny_model().state_dict()[WEIGHT])


def test_two_anchors_pull_twice() -> None:
    shake = lambda model: nn.init.constant_(model.get_parameter(WEIGHT), 0.5)  # noqa: E731
    clean = tiny_model().state_dict()[WEIGHT]
    prior, recadam = PriorWD(weight_decay=100.0), RecAdam(pull=100.0, t0=5)
    model, before, _ = updated({"prior": prior, "recadam": recadam}, gradient=0.0, start=shake)
    kept = (1 - 1e-3 * 100) * (1 - 1e-3 * 100 * (1 - recadam.annealed(1)))
    expected = clean + kept * (before[WEIGHT] - clean)
    torch.testing.assert_close(model.get_parameter(WEIGHT).detach(), expected)


def test_a_dropout_that_one_method_switches_off_is_off() -> None:
    step, *_ = step_on(build(chosen("hype_n_dropout", "no_dropout")))
    assert step.model.dropout.p == 0
    assert step.encoder.layers[0].output.dropout.p == 0
    assert step.encoder.layers[0].attention.self.dropout.p > 0


def test_a_variant_that_somebody_derived_from_a_method_is_refused_beside_it() -> None:
    settings = {"hype": {"_target_": "benchmark.methods.hype.HyPe"}}
    settings["mine"] = {"_target_": f"{__name__}.ConstantHyPe"}
    with pytest.raises(BenchmarkError, match=r"method\.hype and method\.mine.*two variants of HyPe"):
        build(settings)
