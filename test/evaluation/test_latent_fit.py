"""Inverse kinematics finds poses that the model itself has made: they are reachable by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurok_model.evaluation import latent_fit
from neurok_model.evaluation.evidence import Protocol, gather_evidence
from neurok_model.evaluation.latent_fit import fit_full, fit_reduced
from neurok_model.evaluation.latent_object import LatentObject
from neurok_model.evaluation.pose_task import PoseTask
from neurok_model.evaluation.task_sources import generated_tasks, with_partial_scan
from neurok_model.predictor import Predictor


@pytest.fixture(scope="module")
def task() -> PoseTask:
    return next(iter(generated_tasks(["laptop"], 1, seed=0)))


@pytest.fixture(scope="module")
def shape(tiny_predictor: Predictor, task: PoseTask) -> LatentObject:
    return LatentObject(tiny_predictor, task.scan, task.rest)


def made_by(shape: LatentObject, task: PoseTask, seed: int) -> PoseTask:
    """The task of reaching a pose decoded from a random latent."""
    latent = shape.full(shape.fitted_points()).draws(1, torch.Generator().manual_seed(seed))
    return replace(task, target=shape.full_vertices(latent)[0])


@pytest.mark.parametrize("seed", [1, 2])
def test_full_latent_reaches_decoded_poses(shape: LatentObject, task: PoseTask, seed: int) -> None:
    """With known correspondences a decoded pose is found to 10 % of its motion.

    The search sees points interpolated between decoded vertices and decodes the points themselves: an untrained network
    bends large triangles, and the two differ by some percent.
    """
    made = made_by(shape, task, seed)
    found = fit_full(shape, gather_evidence(made, shape.prepared, Protocol.CORRESPONDENCES, 0), 0)
    reached = shape.full_vertices(found.coordinates[None])[0]
    motion = np.linalg.norm(made.target - made.rest, axis=1).mean()
    assert np.linalg.norm(reached - made.target, axis=1).mean() < 0.1 * motion


def test_reduced_coordinates_reach_their_own_poses(shape: LatentObject, task: PoseTask) -> None:
    """The same in reduced coordinates, for a pose of the compiled map, also without correspondences."""
    q = shape.reduced(shape.fitted_points()).draws(1, torch.Generator().manual_seed(3))
    made = replace(task, target=shape.reduced_vertices(q)[0])
    motion = np.linalg.norm(made.target - made.rest, axis=1).mean()
    for protocol, share in ((Protocol.CORRESPONDENCES, 0.04), (Protocol.CLOUD, 0.3)):
        mapped, found = fit_reduced(shape, gather_evidence(made, shape.prepared, protocol, 0), 0)
        assert mapped is shape, "the map is fitted where its own prior draws"
        reached = shape.reduced_vertices(found.coordinates[None])[0]
        assert np.linalg.norm(reached - made.target, axis=1).mean() < share * motion


def test_a_pose_beyond_what_was_compiled_is_reached_by_a_map_that_is_fitted_there(
    shape: LatentObject, task: PoseTask
) -> None:
    """Protects poses that the prior hardly holds: the reduced coordinates reach them as the decoder does along them."""
    way = shape.compiled.subspace.basis[:, 0]
    length = 2.5 * shape.model.region.radius
    made = replace(task, target=shape.full_vertices((shape._rest + length * way)[None])[0])
    assert shape.outside(torch.eye(shape.model.dimension)[0] * length) > 0.5
    evidence = gather_evidence(made, shape.prepared, Protocol.CORRESPONDENCES, 0)
    mapped, found = fit_reduced(shape, evidence, 0)
    assert mapped is not shape
    chosen = shape.fitted_points()
    first = latent_fit._fit(shape.reduced(chosen), evidence.some(chosen).normalised(shape.prepared.normalisation), 0)
    missed = [
        np.linalg.norm(each.reduced_vertices(q.coordinates[None])[0] - made.target, axis=1).mean()
        for each, q in ((shape, first), (mapped, found))
    ]
    assert missed[1] < 0.7 * missed[0]


def test_jacobian_against_differences(shape: LatentObject) -> None:
    """Forward mode through the decoder, and the compiled map's closed form, against central differences."""
    chosen = shape.fitted_points()[::16]
    for deformation in (shape.full(chosen), shape.reduced(chosen)):
        at = deformation.draws(2, torch.Generator().manual_seed(0))
        jacobian = deformation.jacobian(at)
        step = 1e-2
        for index in range(at.shape[1]):
            offset = torch.zeros_like(at)
            offset[:, index] = step
            slope = (deformation.positions(at + offset) - deformation.positions(at - offset)) / (2 * step)
            assert (jacobian[..., index] - slope).abs().max() < 1e-2 * jacobian.abs().max()


def test_vertices_agree_with_surface_points(shape: LatentObject) -> None:
    """Reduced vertices are those that the object model itself gives."""
    q = shape.reduced(shape.fitted_points()).draws(3, torch.Generator().manual_seed(1))
    np.testing.assert_allclose(shape.reduced_vertices(q), shape.model.surface.vertices(q.double().numpy()), atol=1e-5)


def test_a_cloud_moves_the_true_mesh(tiny_predictor: Predictor, task: PoseTask) -> None:
    """Shown one view of a depth camera, the model still poses every vertex of the mesh that was seen."""
    seen = with_partial_scan(task, seed=0)
    shape = LatentObject(tiny_predictor, seen.scan, seen.rest)
    latent = shape.full(shape.fitted_points()).mean
    for vertices in (
        shape.full_vertices(latent[None])[0],
        shape.reduced_vertices(torch.ones(1, shape.model.dimension))[0],
    ):
        assert vertices.shape == seen.rest.shape
        assert np.isfinite(vertices).all()
        assert np.abs(vertices - seen.rest).max() > 0.0


def test_evidence_of_each_protocol(shape: LatentObject, task: PoseTask) -> None:
    """Known correspondences lie on the target; a cloud covers it; a partial scan shows one side, with noise."""
    known, cloud, partial = (gather_evidence(task, shape.prepared, protocol, 0) for protocol in Protocol)
    assert known.targets is not None
    assert known.targets.shape == known.points.shape
    assert cloud.seen is not None
    assert partial.seen is not None
    np.testing.assert_allclose(np.ptp(cloud.seen, axis=0), np.ptp(task.target, axis=0), rtol=0.05)
    assert cloud.complete
    assert not partial.complete
    again = gather_evidence(task, shape.prepared, Protocol.PARTIAL, 0)
    np.testing.assert_array_equal(again.seen, partial.seen)
