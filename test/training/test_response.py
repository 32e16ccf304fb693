"""How far the answer to pushes is from that of the true joints."""

import pytest
import torch
from training.tiny import CONFIGURATION, PAIRS

from neurok_model.data.augmentation import AugmentationConfiguration
from neurok_model.data.pairs import PairBatches
from neurok_model.networks import NeurokNetworks
from neurok_model.training.objective import RESPONSE_WEIGHT, ObjectiveWeights, objective
from neurok_model.training.response import response_error


def fields(*rows: tuple[float, ...]) -> torch.Tensor:
    """One object with motions of two points, given as rows of six numbers."""
    return torch.tensor(rows, dtype=torch.float64).unflatten(-1, (2, 3))[None]


TURNING = (0.0, 0.0, 0.0, 0.0, 2.0, 0.0)
SLIDING = (0.0, 0.0, 0.0, 3.0, 0.0, 0.0)


def error_of(answer: list[list[float]], jacobian: torch.Tensor, tangents: torch.Tensor) -> float:
    error, known = response_error(jacobian, tangents, torch.tensor(answer)[None])
    assert known.all()
    return error.item()


def test_by_hand() -> None:
    """Protects the formula: the true answer is without error, none is all of it, and a joint too many is one more."""
    both, turning = fields(TURNING, SLIDING), fields(TURNING)
    assert error_of([[1.0, 0.0], [0.0, 0.0]], both, turning) == pytest.approx(0.0, abs=1e-3)
    assert error_of([[0.0, 0.0], [0.0, 0.0]], both, turning) == pytest.approx(1.0, abs=1e-3)
    assert error_of([[1.0, 0.0], [0.0, 1.0]], both, turning) == pytest.approx(1.0, abs=1e-3)
    assert error_of([[1.0, 0.0], [0.0, 1.0]], both, both) == pytest.approx(0.0, abs=1e-3)
    assert error_of([[1.0, 0.0], [0.0, 0.0]], both, both) == pytest.approx(0.5, abs=1e-3)


def test_sizes_do_not_matter() -> None:
    """Protects drawers beside doors: neither how far a coordinate moves the surface, nor the size of a tangent."""
    answer = [[0.7, 0.2], [0.2, 0.4]]
    slanted = fields((1.0, 0.0, 0.0, 0.0, 2.0, 0.0), SLIDING)
    scales = torch.tensor((0.01, 30.0), dtype=torch.float64)[None, :, None, None]
    before = error_of(answer, slanted, fields(TURNING))
    assert error_of(answer, scales * slanted, 100.0 * fields(TURNING)) == pytest.approx(before, rel=1e-4)


def test_it_is_the_distance_of_the_two_operators() -> None:
    """Protects the short form against matrices written out, with coordinates and tangents that are not orthogonal."""
    generator = torch.Generator().manual_seed(0)
    moves = torch.randn(1, 3, 5, 3, generator=generator, dtype=torch.float64)
    tangents = torch.randn(1, 2, 5, 3, generator=generator, dtype=torch.float64)
    answer = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    answer = answer + answer.mT
    error, _ = response_error(moves, tangents, answer[None])
    rows = torch.nn.functional.normalize(moves[0].flatten(1), dim=-1)
    truth = tangents[0].flatten(1)
    projection = truth.mT @ torch.linalg.inv(truth @ truth.mT) @ truth
    expected = (projection - rows.mT @ answer @ rows).square().sum() / 2.0
    assert error.item() == pytest.approx(expected.item(), rel=1e-3)


def test_of_two_likely_joints_each_answers_by_half() -> None:
    """Protects what doubt means: where either joint is as likely as the other, the mean error is least for halves."""
    both = fields(TURNING, SLIDING)

    def mean_error(share: float) -> float:
        answer = [[share, 0.0], [0.0, share]]
        return 0.5 * (error_of(answer, both, fields(TURNING)) + error_of(answer, both, fields(SLIDING)))

    assert mean_error(0.5) == pytest.approx(0.5, abs=1e-3)
    assert mean_error(0.5) < min(mean_error(0.4), mean_error(0.6), mean_error(1.0))


def test_objects_without_known_tangents_teach_nothing() -> None:
    """Protects simulated motions, of which no tangents are known."""
    _, known = response_error(fields(TURNING), 0.0 * fields(TURNING), torch.ones(1, 1, 1))
    assert not known.any()


def test_it_is_a_term_of_the_objective() -> None:
    """Protects training: the objective holds it with its weight, wherever tangents are compared."""
    batch = PairBatches(PAIRS, AugmentationConfiguration(), "train", 0, 1)[0]
    torch.manual_seed(0)
    networks = NeurokNetworks(CONFIGURATION.networks)
    weights = ObjectiveWeights(divergence=0.0, nested_dropout=0.0, tangents=0.1, tangent_share=1.0)
    count = PAIRS.deformation_points
    with_mass = objective(networks, batch, count, weights, torch.Generator().manual_seed(0))
    networks.latent_mass_encoder = None
    without = objective(networks, batch, count, weights, torch.Generator().manual_seed(0))
    assert with_mass.response_error.item() == pytest.approx(1.0)
    assert without.response_error.item() == 0.0
    torch.testing.assert_close(with_mass.total, without.total + RESPONSE_WEIGHT * with_mass.response_error)
