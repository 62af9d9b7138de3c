"""PATS equals its equation, its reference values, and plain fine-tuning at lambda 0 and p 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy import stats

from benchmark.methods import Method, build, prepare
from benchmark.methods.common import unit_noise
from benchmark.methods.common.sensitivity import Sensitivity
from benchmark.methods.common.unit_noise import UnitNoise
from benchmark.methods.even_noise import EvenNoise
from benchmark.methods.pats import PATS
from benchmark.models.architecture import encoder_of
from benchmark.step.groups import parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.step.update import Tensors, Update
from helpers import vectors
from helpers.draws import check_distribution
from helpers.quadratic import SLOPE, START, Problem, descended
from helpers.refusals import check_refused
from helpers.selections import Selection, selects
from helpers.small_models import bert, check_active_training, check_neutral_training, of_kind, trained, xlnet
from helpers.toys import ready, scripted
from helpers.vectors import Case


class Given(PATS):
    """PATS whose draws are the ``entries``, in their order."""

    entries: Tensors = ()

    def draw(self, weights: Tensors) -> UnitNoise:
        drawn, self.entries = self.entries[: len(weights)], self.entries[len(weights) :]
        return UnitNoise(drawn)


def of_model(method: PATS, means: Tensors) -> PATS:
    """``method`` on a model whose sensitivities have the running ``means``."""
    method.sensitivity = Sensitivity(set(), method.beta)
    method.sensitivity.means = {str(place): mean for place, mean in enumerate(means)}
    return method


def intensities(method: PATS, means: Tensors) -> Tensors:
    """The intensities of all weights."""
    return method.intensities(means, UnitNoise(means))


@vectors.drives("pats")
def test_pats_equals_its_reference_values(case: Case) -> None:
    hyper = case.hyper
    variant = case.choose("kind", {"adamax": "adamax", "adamw": "adamw_torch"})
    case.only("max_grad_norm", 0)
    method = Given(
        intensity=hyper["noise_lambda"],
        gamma=hyper["gamma"],
        beta=hyper["beta"],
        probability=hyper["p"],
        epsilon=hyper["eps_div"],
        eps_form=case.choose("eps_form", {"eq4": "eq4", "algorithm": "algorithm"}, "eq4"),
        signed=hyper["signed_sensitivity"],
    )
    perturbed = hyper["perturbed"]
    problem = Problem(case, perturbed)
    ready(method, problem.model)

    def script(t: int, order: list[int]) -> None:
        method.entries = [
            case.tensor(f"unit_normal_{i}")[t] * case.tensor(f"bernoulli_{i}")[t]
            for i in order
            if perturbed[i] and not method.silent
        ]

    def compare(t: int) -> None:
        assert len(method.entries) == 0
        for i in range(problem.count):
            if perturbed[i] and not method.silent:
                mean = method.sensitivity.means[problem.names[i]]
                case.close(mean, f"sensitivity_ema_{i}", t)
                case.close(intensities(method, [mean])[0], f"intensity_{i}", t)

    betas = hyper["beta1"], hyper["beta2"]
    problem.run([method], variant, hyper["weight_decay"], betas, hyper["eps"], script, compare)


@selects("pats_perturbed")
def test_pats_acts_on_the_tensors_the_reference_acts_on(case: Selection) -> None:
    model = of_kind(case)
    case.equal(ready(PATS(), model, encoder_of(model)).sensitivity.names)


@pytest.mark.parametrize(("noise_scale", "power"), [("sqrt", 0.5), ("linear", 1.0)])
def test_pats_by_hand(noise_scale: str, power: float) -> None:
    draws = [UnitNoise([torch.tensor([[1.0, -1.0], [2.0, 0.0]])])]
    method = scripted(
        PATS, draws, intensity=0.04, gamma=0.5, beta=0.25, epsilon=0.05, noise_scale=noise_scale
    )
    # |theta * g| = 0.2, 0.2, 0, 0.2; running means 0.15, 0.15, 0, 0.15, of mean 0.1125; that over each
    # + 0.05: 0.5625, 0.5625, 2.25; less gamma: 0.0625, 0.0625, 1.75; times lambda: 0.0025, 0.0025, 0.07.
    noise = torch.tensor([[0.0025**power, -(0.0025**power)], [2 * 0.07**power, 0.0]])
    torch.testing.assert_close(descended(method), START - 0.1 * SLOPE + noise)


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        # Of |theta * g| = (2, 3) and (4, 2): 0.25 of the first, then 0.75 of that and 0.25 of the second.
        (False, [0.75 * 0.5 + 1.0, 0.75 * 0.75 + 0.5]),
        (True, [0.75 * 0.5 - 1.0, -0.75 * 0.75 + 0.5]),
    ],
)
def test_the_running_mean_of_sensitivities_by_hand(signed: bool, expected: list[float]) -> None:
    sensitivity = Sensitivity({"w"}, beta=0.75, signed=signed)
    for number, (weight, gradient) in enumerate([([2.0, -3.0], [1.0, 1.0]), ([4.0, 1.0], [-1.0, 2.0])], 1):
        sensitivity.see(Update(["w"], [torch.tensor(weight)], [torch.tensor(gradient)], 0.1, number, 2))
    assert sensitivity.means["w"].tolist() == pytest.approx(expected)


def test_masked_noise_leaves_alone_what_has_no_gradient() -> None:
    ends = [
        descended(
            scripted(PATS, [UnitNoise([torch.ones(2, 2)])], intensity=0.04, gamma=0.5, mask_noise=masked)
        )
        for masked in (False, True)
    ]
    assert torch.equal(ends[0] != ends[1], SLOPE == 0)  # an entry without gradient, which has most noise
    torch.testing.assert_close(ends[1][SLOPE == 0], START[SLOPE == 0])


def test_epsilon_is_weaker_by_the_size_of_the_tensor_in_algorithm_1() -> None:
    method = PATS(intensity=1.0, gamma=0.0, epsilon=0.2, eps_form="algorithm")
    means = torch.tensor([[0.2, 0.2], [0.0, 0.2]])  # the sum is 0.6; 4 * S + 0.2 is 1 and 0.2
    torch.testing.assert_close(intensities(method, [means])[0], torch.tensor([[0.6, 0.6], [3.0, 0.6]]))


def test_one_mean_over_the_model_gives_noise_to_the_least_sensitive_tensor_by_hand() -> None:
    means = [torch.tensor([[0.2, 0.6], [0.4, 0.4]]), torch.tensor([0.1, 0.1])]  # the mean of all six is 0.3
    kept = [mean.clone() for mean in means]
    matrix, model = (
        PATS(intensity=1.0, gamma=0.5, epsilon=0.0, scope=scope) for scope in ("matrix", "model")
    )
    by_matrix = [torch.tensor([[1.5, 1 / 6], [0.5, 0.5]]), torch.tensor([0.5, 0.5])]
    over_all = [torch.tensor([[1.0, 0.0], [0.25, 0.25]]), torch.tensor([2.5, 2.5])]
    for method, expected in ((matrix, by_matrix), (model, over_all)):
        for ours, theirs in zip(intensities(of_model(method, means), means), expected, strict=True):
            torch.testing.assert_close(ours, theirs)
    assert all(torch.equal(mean, before) for mean, before in zip(means, kept, strict=True))


def test_epsilon_of_algorithm_1_is_weaker_by_the_size_of_the_model_with_one_mean() -> None:
    method = PATS(intensity=1.0, gamma=0.0, epsilon=0.6, eps_form="algorithm", scope="model")
    means = [torch.tensor([0.2, 0.0]), torch.tensor([0.4])]  # the sum is 0.6; 3 * S + 0.6 is 1.2, 0.6 and 1.8
    expected = [torch.tensor([0.5, 1.0]), torch.tensor([1 / 3])]
    for ours, theirs in zip(intensities(of_model(method, means), means), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", [PATS, EvenNoise])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_one_mean_is_over_the_whole_model_whatever_groups_the_optimiser_makes(
    decay: float, kind: type[PATS], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensors, Tensors]] = []
    plain = PATS.intensities

    def watched(method: PATS, means: Tensors, noise: UnitNoise) -> Tensors:
        ratios = plain(method, means, noise)
        seen.append(([mean.clone() for mean in noise.at(means)], [ratio.clone() for ratio in ratios]))
        return ratios

    monkeypatch.setattr(PATS, "intensities", watched)
    model = bert()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1)  # biases start at 0, where no gradient makes a sensitivity
    ready(method := kind(scope="model", gamma=0.0, intensity=1.0, epsilon=0.0), model, encoder_of(model))
    rng = torch.Generator().manual_seed(1)
    groups = parameter_groups(model, decay)
    optimizer = Optimizer(groups, "adamax", (0.9, 0.999), 1e-8, lambda _: 0.1, [method], 2)
    for number in (1, 2):
        seen.clear()
        for weight in model.parameters():
            size = 5.0 if weight.ndim == 1 else 1.0  # groups of unlike means
            weight.grad = size * number * torch.randn(weight.shape, generator=rng)
        optimizer.step()
        assert len(seen) == len(groups) == (2 if decay else 1)
        mean = torch.cat([mean.flatten() for mean in method.sensitivity.means.values()]).mean()
        for means, ratios in seen:
            for some, ratio in zip(means, ratios, strict=True):
                torch.testing.assert_close(ratio * some, mean.expand_as(some))


def test_noise_goes_to_a_share_p_of_the_weights_and_is_other_noise_in_every_update() -> None:
    method, model = PATS(probability=0.35), bert()
    prepare({"mine": method}, model, 1)
    first, second = (method.draw([torch.zeros(400, 400)]) for _ in range(2))
    for noise in (first, second):
        assert len(noise.unit[0]) == pytest.approx(0.35 * 400 * 400, rel=0.02)
        check_distribution(noise.unit[0], stats.norm())
    assert not torch.equal(first.unit[0][:1000], second.unit[0][:1000])
    other = PATS(probability=0.35)
    prepare({"mine": other}, bert(), 2)
    assert not torch.equal(other.draw([torch.zeros(400, 400)]).unit[0][:1000], first.unit[0][:1000])


@pytest.mark.parametrize("settings", [{}, {"scope": "model", "noise_scale": "linear"}, {"mask_noise": True}])
@pytest.mark.parametrize("kind", [PATS, EvenNoise])
def test_noise_at_the_chosen_weights_alone_is_that_at_all_weights(
    kind: type[PATS], settings: dict[str, Any]
) -> None:
    names, rng = ["a", "b"], torch.Generator().manual_seed(1)
    start, slopes = ([torch.randn(40, 30, generator=rng), torch.randn(9, generator=rng)] for _ in range(2))
    slopes[0][:10] = 0.0
    scattered = unit_noise.draw(start, 0.3, rng)
    spread = [torch.zeros_like(weight) for weight in start]
    scattered.add(spread, scattered.unit)
    ends = []
    for noise in (scattered, UnitNoise(spread)):
        method = scripted(kind, [noise], intensity=0.01, **settings)
        method.sensitivity = Sensitivity(set(names), 0.5)
        update = Update(names, [weight.clone() for weight in start], slopes, 0.1, 1, 2)
        method.measure(update)
        method.after(update)
        ends.append(update.weights)
    for ours, theirs, before in zip(*ends, start, strict=True):
        torch.testing.assert_close(ours, theirs)
        assert 0 < (ours != before).float().mean() < 0.4


def test_pats_leaves_embeddings_norms_pooler_and_head_to_the_optimiser() -> None:
    # With a rate of 0 nothing moves but by noise.
    start, end = trained(PATS(intensity=1e-4, probability=0.9), rate=0.0)
    moved = {name for name, value in end.items() if not torch.equal(value, start[name])}
    model = bert()
    method = ready(PATS(), model, encoder_of(model))
    # A bias that starts at 0 has sensitivity 0, as all of its tensor has: no noise until the rate moves it.
    assert moved == {name for name in method.sensitivity.names if name.endswith("weight")}


def test_xlnet_normalisations_are_found_although_named_otherwise() -> None:
    model = xlnet()
    method = ready(PATS(), model, encoder_of(model))
    assert len(method.sensitivity.names) == 3 * (9 + 4)  # nine tensors of attention, four of feed-forward
    assert not any("norm" in name for name in method.sensitivity.names)


@pytest.mark.parametrize(
    "method", [PATS(intensity=0.0), PATS(probability=0.0), PATS(intensity=0.0, scope="model")], ids=repr
)
def test_strength_zero_is_plain_fine_tuning_bit_for_bit(method: Method) -> None:
    check_neutral_training(method)


def test_pats_changes_training_and_the_same_seed_repeats_it() -> None:
    check_active_training(PATS())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"intensity": -1.0}, "intensity=-1.0"),
        ({"probability": 1.5}, "probability=1.5"),
        ({"beta": 1.0}, "beta=1.0"),
        ({"noise_scale": "sqr"}, "did you mean 'sqrt'"),
        ({"eps_form": "eq5"}, "did you mean 'eq4'"),
        ({"scope": "matrixx"}, "did you mean 'matrix'"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(settings: dict[str, Any], message: str) -> None:
    check_refused("pats.PATS", settings, message)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("pats", PATS()),
        ("pats_linear", PATS(noise_scale="linear")),
        ("pats_global", PATS(scope="model")),
    ],
)
def test_a_configuration_is_the_method_it_names(
    name: str, method: Method, compose: Callable[..., dict[str, Any]]
) -> None:
    assert build(compose("protocol=noisytune", f"method=[{name}]").method) == {name: method}
