"""Training: it learns, it resumes to the bit, and its data depends on nothing but the seed."""

from dataclasses import replace

import pytest
import torch
from rich.console import Console

from neurok_model.data.augmentation import NO_AUGMENTATION, AugmentationConfiguration
from neurok_model.data.pairs import PairBatches, PairConfiguration
from neurok_model.geometry import dual_quaternions as dq
from neurok_model.networks import KinematicPrior, NetworkConfiguration, Posterior, load_checkpoint
from neurok_model.training import TrainingConfiguration, train
from neurok_model.training.objective import divergence_per_dimension
from neurok_model.training.schedule import ScheduleConfiguration

PAIRS = PairConfiguration(
    objects=4, targets=2, scan_points=64, deformation_points=48, query_points=48, families=("laptop", "elastic_bar")
)
CONFIGURATION = TrainingConfiguration(
    steps=6,
    evaluate_every=3,
    evaluation_batches=1,
    workers=0,
    device="cpu",
    networks=NetworkConfiguration(width=32, context_tokens=8, context_layers=2, latent_tokens=2, handles=4),
    pairs=PAIRS,
    # Short runs would otherwise be stopped for not yet reconstructing anything.
    schedule=ScheduleConfiguration(warm_up_steps=5),
)
QUIET = Console(quiet=True)


def test_batches_depend_on_seed_split_and_number_alone():
    """Protects reproducibility, and the split: training and test instances come from different streams."""
    first, again = (PairBatches(PAIRS, AugmentationConfiguration(), "train", 3, 10)[7] for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
    other_split = PairBatches(PAIRS, AugmentationConfiguration(), "test", 3, 10)[7]
    assert not torch.equal(first.points, other_split.points)


@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, AugmentationConfiguration(mirror=1.0)])
def test_rotations_and_displacements_describe_one_rigid_motion(augmentation):
    """Protects the training target under rotation and mirroring: a rigid part's points share one dual quaternion."""
    pairs = replace(PAIRS, families=("laptop",), objects=6)
    batch = PairBatches(pairs, augmentation, "train", 0, 1)[0]
    points = batch.points[:, None].double()
    motion = dq.from_motion(batch.rotation.double(), points, points + batch.displacement.double())
    moving = batch.displacement.norm(dim=-1) > 1e-3
    assert moving.any()
    for one_motion, mask in zip(motion.flatten(0, 1), moving.flatten(0, 1), strict=True):
        if mask.any():
            spread = one_motion[mask] - one_motion[mask][:1]
            assert spread.abs().max() < 1e-3


def test_scans_fill_the_unit_box():
    """Protects the networks' coordinates: every scan's longest side is 1 and centred, metres or not."""
    batch = PairBatches(PAIRS, AugmentationConfiguration(), "train", 0, 1)[0]
    extent = batch.scan_points.amax(1) - batch.scan_points.amin(1)
    torch.testing.assert_close(extent.amax(-1), torch.ones(len(extent)))
    torch.testing.assert_close(batch.scan_points.amax(1), -batch.scan_points.amin(1), atol=1e-6, rtol=0)


def test_divergence_against_torch_distributions():
    """Protects the objective: our closed form is the divergence of the two Gaussians."""
    torch.manual_seed(0)
    prior = KinematicPrior(torch.randn(2, 5), torch.empty(2, 1, 1))
    posterior = Posterior(torch.randn(2, 3, 5), torch.randn(2, 3, 5) - 1.0)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, posterior.log_deviation.exp()),
        torch.distributions.Normal(prior.mean[:, None], 1.0),
    )
    torch.testing.assert_close(divergence_per_dimension(posterior, prior), expected)


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, monkeypatch):
    """Protects long runs: killed after a checkpoint and started again, training gives the very same weights."""
    whole = train(replace(CONFIGURATION, output=tmp_path / "whole"), QUIET)
    interrupted = replace(CONFIGURATION, output=tmp_path / "interrupted")
    calls = []
    from neurok_model.training import train as package_entry  # noqa: F401
    from neurok_model.training.train import _Run

    save = _Run._evaluate_and_save

    def killed_after_first_checkpoint(self, terms):
        save(self, terms)
        if not calls:
            calls.append(self.step)
            raise KeyboardInterrupt

    monkeypatch.setattr(_Run, "_evaluate_and_save", killed_after_first_checkpoint)
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, QUIET)
    resumed = train(interrupted, QUIET)
    assert calls == [3]
    assert whole.read_bytes() == resumed.read_bytes()


def test_schedule_frees_squeezes_and_relaxes():
    """Protects the recipe: no pressure first, most in the squeeze, the final weight and nested dropout at the end."""
    schedule = ScheduleConfiguration()
    weights = [schedule.weights(step, 1000) for step in (0, 300, 500, 900)]
    assert [w.divergence for w in weights] == pytest.approx([1e-5, 1e-5, 4e-3, 1e-3])
    assert [w.absolute for w in weights] == [0.0, 1.0, 1.0, 1.0]
    assert [w.nested_dropout > 0 for w in weights] == [False, False, False, True]
    assert schedule.learning_rate_factor(0, 1000) < schedule.learning_rate_factor(200, 1000)
    assert schedule.learning_rate_factor(999, 1000) == pytest.approx(0.02, abs=1e-3)


@pytest.mark.slow
def test_a_tiny_network_learns_the_laptop(tmp_path):
    """Protects the whole chain of data, networks and objective: it must explain a hinge within seconds."""
    configuration = replace(
        CONFIGURATION,
        output=tmp_path,
        steps=250,
        evaluate_every=250,
        learning_rate=3e-3,
        evaluation_batches=8,
        pairs=replace(PAIRS, families=("laptop",), objects=8),
        augmentation=NO_AUGMENTATION,
        schedule=ScheduleConfiguration(warm_up_steps=20, free_until=1.0),
    )
    _, description = load_checkpoint(train(configuration, QUIET))
    assert description["training"]["held_out"]["explained"] > 0.2
