"""The node's parameters as typed values."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from neurok_model.physics import PhysicsParameters
from neurok_ros.limits import Limits


class Settings:
    """Reads parameters at the moment they are used, so that changes take effect without a restart.

    Args:
        node: the node that declared them (see :mod:`neurok_ros.parameters`).
    """

    def __init__(self, node: Any) -> None:
        self._node = node

    def __getitem__(self, name: str) -> Any:
        """Return a parameter's present value."""
        return self._node.get_parameter(name).value

    def position(self, name: str) -> Float[np.ndarray, " 3"] | None:
        """Return a parameter that is a position, in metres, or None where it is left empty."""
        value = self._node.get_parameter_or(name).value  # a list that was never set has no value
        return np.array(value, dtype=np.float64) if value else None

    def limits(self) -> Limits:
        """Return the limits of one request."""
        return Limits(
            horizon=self["limits.horizon"],
            candidate_seconds=self["limits.candidate_seconds"],
            candidate_steps=self["limits.candidate_steps"],
            answer_bytes=int(1e6 * self["limits.answer_megabytes"]),
        )

    def physics(self, mass: float = 0.0) -> PhysicsParameters:
        """Return the physics of the next object; a mass of 0 stands for the parameter.

        Raises:
            NeurokError: ``INVALID_PARAMETER`` for a mass that is negative or not finite.
        """
        x, y, z = self["gravity"]
        return PhysicsParameters(
            mass=mass if mass != 0.0 else self["mass"],
            gravity=(x, y, z),
            elastic_frequency=self["elastic_frequency"],
            damping_rate=self["damping_rate"],
            static_equilibrium=self["static_equilibrium"],
            weight_on_stop=self["weight_on_stop"],
            prior_frequency=self["prior_frequency"],
            sag=self["sag"],
            wall_frequency=self["wall_frequency"],
            wall_restitution=self["wall_restitution"],
            contact_tolerance=self["contact_tolerance"],
        )
