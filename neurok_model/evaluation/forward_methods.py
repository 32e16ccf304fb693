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
from neurok_model.identification import LEARNED_MODEL_ERROR
from neurok_model.mechanics import Push
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor

Motion = Float[np.ndarray, "f n 3"]

BASELINES = ("no_motion", "constant_velocity")
METHODS = ("ours", "identified", "parameters_identified", *BASELINES, "oracle")

GUESSED_SAG = 0.3
GUESSED_FREQUENCY = 2.0
GUESSED_DAMPING = 3.0
"""Of what has no joints: how far its weight has bent it, its stiffness where nothing weighs on it [Hz], how fast its
swings decay [1/s]. Those with the least errors on pokes of the validation split, see docs/mechanics.md.
"""


@dataclass(frozen=True)
class Assumptions:
    """What the model's mechanics take for granted, besides what a record says.

    Args:
        stops: whether the weight of articulated objects lies on stops, instead of being held by a constant force.
        guessed_sag: how far its own weight has bent what has no joints, standard deviations of the prior.
        guessed_frequency: stiffness of what has no joints and no weight to carry [Hz, by the prior's density].
        guessed_damping: rate at which the motion of what has no joints decays [1/s].
        smallest_inertia: see :class:`MechanicsConfiguration`.
    """

    stops: bool = True
    guessed_sag: float = GUESSED_SAG
    guessed_frequency: float = GUESSED_FREQUENCY
    guessed_damping: float = GUESSED_DAMPING
    smallest_inertia: float = PhysicsParameters.smallest_inertia


def stated_physics(sequence: MotionSequence, assumed: Assumptions = Assumptions()) -> PhysicsParameters:
    """What a record says of its object: mass, gravity, damping of joints, and whether something holds it.

    Masses of soft objects are those of the part that moves, so that the fixed part of the scan is given the same mass
    per area. Joints are said to have neither friction nor springs, so that what carries the weight of an articulated
    object at rest can only be its stops. Stiffness and damping of soft objects are not told: guesses stand for them.
    """
    physics = sequence.physics
    areas, _ = triangle_areas_and_normals(sequence.vertices[0][sequence.triangles].astype(np.float64))
    mass = physics["mass"]
    articulated = sequence.kind is ObjectKind.ARTICULATED
    anchored = bool(physics["anchored"])
    bent = not articulated and anchored and physics["gravity"] != 0.0
    if not articulated:
        moving = sequence.part_of_vertex[sequence.triangles[:, 0]] > 0
        mass *= float(areas.sum() / areas[moving].sum())
    return PhysicsParameters(
        mass=mass,
        gravity=(0.0, 0.0, physics["gravity"]),
        support="anchored" if anchored else "free",
        damping_rate=physics["damping_rate"] if articulated else assumed.guessed_damping,
        sag=assumed.guessed_sag if bent else 0.0,
        prior_frequency=PhysicsParameters.prior_frequency if articulated or bent else assumed.guessed_frequency,
        weight_on_stop=assumed.stops and articulated and anchored,
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
    pokes: int = 3,
    identify_floating: bool = False,
    assumed: Assumptions = Assumptions(),
) -> dict[str, Motion]:
    """Every method's motion of one record; a method that does not apply is left out.

    ``identified`` was watched after some other ``pokes``: how it moves is corrected (:meth:`Predictor.refine`), then
    physical parameters are fitted. ``parameters_identified`` fits them alone, to what the scan says. Where nothing is
    identified (there are no ``pokes``, none moves the object, or it floats and ``identify_floating`` is not set), what
    is stated stands. Where floating objects are watched, only how they move is corrected then.

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
        motions["identified"] = motions["parameters_identified"] = motions["ours"]
        fits = identify_floating or bool(sequence.physics["anchored"])
        seen = [another_poke(sequence, number) for number in range(pokes)]
        observations = [observation for observation in seen if observation is not None]
        if observations:
            refined = predictor.refine(model, observations).model
            for method, watched_model in (("parameters_identified", model), ("identified", refined)):
                known = watched_model.physics
                if fits:
                    unknown = _unknown(sequence, known, method)
                    known = watched_model.identify(observations, unknown, LEARNED_MODEL_ERROR).physics
                motions[method] = predicted(watched_model.with_physics(known), sequence)
    return motions


def _unknown(sequence: MotionSequence, stated: PhysicsParameters, method: str) -> tuple[str, ...]:
    """What is fitted: joints have no stiffness, everything else does, whatever it is stated by.

    Of joints the damping was told, and the mass, but not which parts carry it: the one of a part that was seen to move
    is fitted, and where its motion ends. What was only scanned has no motion of which the ends could be told.
    """
    if sequence.kind is ObjectKind.ARTICULATED:
        return ("reach", "mass") if method == "identified" else ("mass", "damping_rate")
    return ("mass", "sag" if stated.sag > 0.0 else "prior_frequency", "damping_rate")
