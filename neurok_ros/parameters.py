"""The node's parameters: each with its meaning, unit and range, refused with the reason when out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.parameter import Parameter

from neurok_model.physics import PhysicsParameters


@dataclass(frozen=True)
class ParameterSpecification:
    """One parameter.

    Args:
        name: as in a parameter file.
        default: its value when nothing is given; fixes the type.
        meaning: one sentence.
        unit: of the value, or empty.
        lowest: smallest value allowed.
        highest: largest value allowed.
        choices: the values allowed, for text.
        lengths: the lengths allowed, for lists.
        read_only: whether it can only be set before the node starts.
    """

    name: str
    default: Any
    meaning: str
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    read_only: bool = False

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices:
            return "one of " + ", ".join(f"'{choice}'" for choice in self.choices)
        if self.lengths:
            counts = " or ".join(str(length) for length in self.lengths)
            return f"{counts} finite numbers{unit}"
        if self.lowest is not None:
            return f"{self.lowest:g} to {self.highest:g}{unit}"
        return "any value of its type"

    def refusal(self, value: Any) -> str | None:
        """Return why ``value`` is not allowed, or None when it is."""
        if self._accepts(value):
            return None
        return f"{self.name} = {value}: allowed is {self.allowed} ({self.meaning})"

    def descriptor(self) -> ParameterDescriptor:
        """Return the descriptor that ROS tools show."""
        descriptor = ParameterDescriptor(
            name=self.name,
            description=f"{self.meaning} [{self.unit}]" if self.unit else self.meaning,
            additional_constraints=f"Allowed: {self.allowed}.",
            read_only=self.read_only,
        )
        if self.lowest is not None and self.highest is not None:
            if isinstance(self.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(self.lowest), to_value=float(self.highest))
                ]
            else:
                descriptor.integer_range = [
                    IntegerRange(from_value=int(self.lowest), to_value=int(self.highest), step=1)
                ]
        return descriptor

    def _accepts(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if self.lengths:
            numbers = [] if value is None else list(value)
            return len(numbers) in self.lengths and all(math.isfinite(number) for number in numbers)
        if self.lowest is not None and self.highest is not None:
            return bool(self.lowest <= value <= self.highest)
        return True


_Spec = ParameterSpecification
_PHYSICS = PhysicsParameters()

SPECIFICATIONS = (
    _Spec("checkpoint", "", "Path of the model's checkpoint; empty for the one that is shipped", read_only=True),
    _Spec("device", "auto", "Where the model runs: auto, cpu, cuda or cuda:<index>", read_only=True),
    _Spec(
        "cache",
        "auto",
        "Where compiled objects are kept: auto (the user's cache folder), 'off' (in quotes, else YAML's false), "
        "or the path of a folder",
        read_only=True,
    ),
    _Spec("cache_megabytes", 512.0, "Largest size of that folder", "MB", 0.0, 1e6, read_only=True),
    _Spec("seed", 0, "Seed of all random choices of the model", lowest=0, highest=2**31 - 1, read_only=True),
    _Spec("autostart", True, "Whether the node configures and activates itself", read_only=True),
    _Spec(
        "world_frame",
        "",
        "Frame with z up into which tf2 brings scans; empty: the scan's own frame, whose z must be up",
    ),
    _Spec("mass", _PHYSICS.mass, "Mass of the next object", "kg", 1e-4, 1e4),
    _Spec("gravity", list(_PHYSICS.gravity), "Gravity in the object's frame", "m/s^2", lengths=(3,)),
    _Spec(
        "elastic_frequency",
        _PHYSICS.elastic_frequency,
        "How fast the next object swings back to its scanned pose; 0 for things that stay where they are put",
        "Hz",
        0.0,
        1e3,
    ),
    _Spec(
        "damping_rate",
        _PHYSICS.damping_rate,
        "Rate at which the next object's motion decays",
        "1/s",
        0.0,
        1e4,
    ),
    _Spec(
        "static_equilibrium",
        _PHYSICS.static_equilibrium,
        "Whether something unseen (friction, a shelf) carries the next object in its scanned pose",
    ),
    _Spec(
        "weight_on_stop",
        _PHYSICS.weight_on_stop,
        "Whether what carries it can only push, as the stop under a lid, which falls again when it is lifted",
    ),
    _Spec(
        "prior_frequency",
        _PHYSICS.prior_frequency,
        "How strongly the learned prior draws the next object to plausible poses; 0 for not at all",
        "Hz",
        0.0,
        1e3,
    ),
    _Spec(
        "sag",
        _PHYSICS.sag,
        "How far its own weight has bent the next object, from which its stiffness follows; 0 for what has joints",
        "standard deviations of the prior",
        0.0,
        1e3,
    ),
    _Spec(
        "wall_frequency",
        _PHYSICS.wall_frequency,
        "How stiff the barrier at the edge of plausible poses is; 0 for none",
        "Hz",
        0.0,
        1e3,
    ),
    _Spec(
        "wall_restitution",
        _PHYSICS.wall_restitution,
        "Share of its speed with which that barrier throws back what runs into it",
        "",
        0.0,
        1.0,
    ),
    _Spec(
        "contact_tolerance",
        _PHYSICS.contact_tolerance,
        "How far from the next object's surface a contact may be, as a share of its longest side",
        "",
        1e-6,
        1.0,
    ),
    _Spec("prediction.horizon", 0.5, "Length of predictions that topics ask for", "s", 1e-3, 600.0),
    _Spec("prediction.step", 1.0 / 60.0, "Time step of predictions that topics ask for", "s", 1e-5, 1.0),
    _Spec(
        "prediction.duration",
        0.1,
        "How long a force or velocity from wrench and contact_twist acts",
        "s",
        1e-4,
        60.0,
    ),
    _Spec("limits.horizon", 60.0, "Longest prediction", "s", 1e-3, 3600.0),
    _Spec("limits.candidate_seconds", 600.0, "Largest horizon times number of candidates", "s", 1e-3, 1e6),
    _Spec("limits.candidate_steps", 200_000, "Largest number of time steps times candidates", "", 1, 2**31 - 1),
    _Spec("limits.answer_megabytes", 256.0, "Largest size of the vertices in one answer", "MB", 0.001, 4096.0),
    _Spec("max_message_age", 10.0, "Oldest stamp accepted; 0 accepts all", "s", 0.0, 1e6),
    _Spec(
        "contact_point",
        [],
        "Where wrench and contact_twist act, in their own frame; none: that frame's origin",
        "m",
        lengths=(0, 3),
    ),
    _Spec(
        "cloud_viewpoint",
        [],
        "Where the camera of scan/points stands, in the cloud's frame; none: unknown. Normals face it",
        "m",
        lengths=(0, 3),
    ),
    _Spec("grasp_radius", 0.02, "Radius of the surface patch that contact_twist holds", "m", 1e-4, 1.0),
    _Spec("animation.rate", 30.0, "Frames per second of prediction/mesh and prediction/points", "Hz", 0.1, 240.0),
    _Spec("animation.loop", False, "Whether the last prediction is shown over and over"),
    _Spec("markers.rate", 5.0, "Most marker updates per second", "Hz", 0.1, 60.0),
    _Spec("markers.triangles", 500, "Most triangles (or points) in the markers", "", 1, 100_000),
    _Spec("diagnostics.rate", 1.0, "Diagnostics per second", "Hz", 0.1, 10.0, read_only=True),
    _Spec(
        "points_reliability",
        "best_effort",
        "Reliability of the scan/points subscription; best_effort matches every publisher",
        choices=("best_effort", "reliable"),
        read_only=True,
    ),
)
"""All parameters of the node, in the order of config/predictor.yaml."""


class ParameterError(ValueError):
    """A parameter's first value was refused; the text names it and says why."""


def declare(node: Any) -> None:
    """Declare all parameters on ``node`` and refuse bad values from now on.

    Raises:
        ParameterError: when the value given at the start is not allowed.
    """
    for specification in SPECIFICATIONS:
        default: Any = specification.default
        if default == []:
            default = Parameter.Type.DOUBLE_ARRAY
        try:
            value = node.declare_parameter(specification.name, default, specification.descriptor()).value
        except Exception as error:  # rclpy raises a different class for each kind of refusal
            raise ParameterError(
                f"{specification.name}: {error}; allowed is {specification.allowed} ({specification.meaning})"
            ) from error
        reason = specification.refusal(value)
        if reason is not None:
            raise ParameterError(reason)
    node.add_on_set_parameters_callback(refuse_bad_values)


def refuse_bad_values(parameters: Iterable[Any]) -> SetParametersResult:
    """Answer a request to change parameters: all of them, or none with the reason."""
    by_name = {specification.name: specification for specification in SPECIFICATIONS}
    for parameter in parameters:
        specification = by_name.get(parameter.name)
        reason = None if specification is None else specification.refusal(parameter.value)
        if reason is not None:
            return SetParametersResult(successful=False, reason=reason)
    return SetParametersResult(successful=True)
