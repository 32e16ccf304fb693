"""NeuROK: a forward model for any one object, from a scan and the contacts on it.

Pure PyTorch; nothing in this package imports ROS. ``Predictor`` is the one door:

    predictor = Predictor.load()
    model = predictor.encode(TriangleMesh(vertices, triangles), PhysicsParameters(mass=2.0))
    prediction = model.predict([Push(point, force, duration=0.1)], horizon=0.5, step=1 / 60)
    frames = prediction.vertices()
"""

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import PointCloud, TriangleMesh
from neurok_model.identification import IdentifiedPhysics, MotionObservation
from neurok_model.mechanics import Contact, ImposedVelocity, Impulse, Outcome, Push
from neurok_model.object_model import ObjectModel
from neurok_model.physics import PhysicsParameters
from neurok_model.predictor import Predictor, RefinedModel
from neurok_model.results import BatchPrediction, ObjectState, Prediction, SampledStates, StateEstimate

__all__ = [
    "BatchPrediction",
    "Contact",
    "ErrorCode",
    "IdentifiedPhysics",
    "ImposedVelocity",
    "Impulse",
    "MotionObservation",
    "NeurokError",
    "ObjectModel",
    "ObjectState",
    "Outcome",
    "PhysicsParameters",
    "PointCloud",
    "Prediction",
    "Predictor",
    "Push",
    "RefinedModel",
    "SampledStates",
    "StateEstimate",
    "TriangleMesh",
]
