"""Object families: a family name and a seed make one object.

Public: :func:`family_names`, :func:`build_object`.
"""

from neurok_model.data.families import cabinets, hinged_things, soft  # noqa: F401  (importing registers them)
from neurok_model.data.families.registry import build_object, family_names

__all__ = ["build_object", "family_names"]
