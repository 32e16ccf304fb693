"""Soft, cloth, rope and multi-body objects, moved by MuJoCo 4.

Public: :func:`simulated_family_names`, :func:`build_scene`, :func:`record`, :class:`Poke`,
:class:`Recording`, :class:`SimulatedScene`.
"""

# Importing a module registers its families.
from neurok_model.data.simulation import cloth, elastic, multi_body, rope  # noqa: F401
from neurok_model.data.simulation.recording import Poke, Recording, record
from neurok_model.data.simulation.registry import build_scene, simulated_family_names
from neurok_model.data.simulation.scene import SimulatedScene

__all__ = ["Poke", "Recording", "SimulatedScene", "build_scene", "record", "simulated_family_names"]
