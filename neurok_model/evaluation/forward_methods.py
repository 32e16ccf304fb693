"""What predicts a poked object's motion: the model, what it identified, the true joints, and two baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.sequences import MotionSequence
from neurok_model.data.simulation.articulated_pokes import PokePhysics, true_object
from neurok_model.evaluation.observed_pokes import another_poke
from neurok_model.evaluation.oracle import OraclePhysics, oracle_model
from neurok_model.geometry import TriangleMesh
from neurok_model.geometry.sampling import triangle_areas_and_normals
from neurok_model.mechanics import Push
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor

Motion = Float[np.ndarray, "f n 3"]

BASELINES = ("no_motion", "constant_velocity")
METHODS = ("ours", "identified", *BASELINES, "oracle")

GUESSED_FREQUENCY = 5.0
"""Hertz, of what has no joints: of 0, 1, 2, 3, 5 and 8 the one with the least error on pokes of the train split."""

IDENTIFIED = {
    ObjectKind.ARTICULATED: ("mass", "damping_rate"),
    None: ("mass", "elastic_frequency", "damping_rate"),
}
"""What is fitted: joints have no stiffness, everything else does."""


@dataclass(frozen=True)
class Assumptions:
    """What the model's mechanics take for granted, besides what a record says.

    Args:
        stops: whether the weight of articulated objects lies on stops, instead of being held by a constant force.
        guessed_frequency: stiffness of what has no joints [Hz].
        smallest_inertia: see :class:`MechanicsConfiguration`.
    """

    stops: bool = True
    guessed_frequency: float = GUESSED_FREQUENCY
    smallest_inertia: float = PhysicsParameters.smallest_inertia


def stated_physics(sequence: MotionSequence, assumed: Assumptions = Assumptions()) -> PhysicsParameters:
    """What a record says of its object: mass, gravity, damping of joints, and whether something holds it.

    Masses of soft objects are those of the part that moves, so that the fixed part of the scan is given the same mass
    per area. Joints are said to have neither friction nor springs, so that what carries the weight of an articulated
    object at rest can only be its stops. Stiffness is not told: a guess stands for it.
    """
    physics = sequence.physics
    areas, _ = triangle_areas_and_normals(sequence.vertices[0][sequence.triangles].astype(np.float64))
    mass = physics["mass"]
    articulated = sequence.kind is ObjectKind.ARTICULATED
    if not articulated:
        moving = sequence.part_of_vertex[sequence.triangles[:, 0]] > 0
        mass *= float(areas.sum() / areas[moving].sum())
    return PhysicsParameters(
        mass=mass,
        gravity=(0.0, 0.0, physics["gravity"]),
        support="anchored" if physics["anchored"] else "free",
        damping_rate=physics.get("damping_rate", PhysicsParameters.damping_rate),
        elastic_frequency=0.0 if articulated else assumed.guessed_frequency,
        weight_on_stop=assumed.stops and articulated and bool(physics["anchored"]),
        smallest_inertia=assumed.smallest_inertia,
    )


def predicted(model: ObjectModel, sequence: MotionSequence) -> Motion:
    """The model's motion under the record's contacts, at the record's frames."""
    contacts = [Push(row[:3], row[3:6], row[7], row[6]) for row in sequence.contacts]
    step = 1.0 / sequence.rate
    return model.predict(contacts, horizon=(len(sequence.vertices) - 1) * step, step=step).vertices()


def all_motions(
    predictor: Predictor | None,
    sequence: MotionSequence,
    *,
    identify: bool = True,
    identify_floating: bool = False,
    assumed: Assumptions = Assumptions(),
) -> dict[str, Motion]:
    """Every method's motion of one record; a method that does not apply is left out.

    Where nothing is identified (``identify`` is not set, no other poke moves the object, or it floats and
    ``identify_floating`` is not set), what is stated stands.

    Constant velocity is told the true velocity over the first frame; no motion is told nothing. The oracle is told the
    true joints, limits and masses, and exists for articulated objects.
    """
    truth = sequence.vertices
    frames = np.arange(len(truth))[:, None, None]
    motions: dict[str, Motion] = {
        "no_motion": np.broadcast_to(truth[:1], truth.shape),
        "constant_velocity": truth[:1] + frames * (truth[1:2] - truth[:1]),
    }
    if sequence.kind is ObjectKind.ARTICULATED:
        physics = PokePhysics.of_record(sequence.physics)
        told = OraclePhysics(
            physics.surface_density,
            physics.solid_part,
            physics.solid_density,
            physics.damping_rate,
            (0.0, 0.0, physics.gravity),
        )
        oracle = oracle_model(true_object(sequence), sequence.states[0], told, free=not physics.anchored)
        motions["oracle"] = predicted(oracle, sequence)
    if predictor is not None:
        scan = TriangleMesh(truth[0].astype(np.float64), sequence.triangles.astype(np.int64))
        model = predictor.encode(scan, stated_physics(sequence, assumed))
        motions["ours"] = predicted(model, sequence)
        motions["identified"] = motions["ours"]
        watched = identify and (identify_floating or bool(sequence.physics["anchored"]))
        observation = another_poke(sequence) if watched else None
        if observation is not None:
            names = IDENTIFIED.get(sequence.kind, IDENTIFIED[None])
            found = model.identify([observation], names)
            motions["identified"] = predicted(model.with_physics(found.physics), sequence)
    return motions
