"""Object families: a family name and a seed make one object.

Public: :func:`family_names`, :func:`build_object`.
"""

# Importing a module registers its families.
from neurok_model.data.families import (  # noqa: F401
    appliances,
    cabinets,
    containers,
    controls,
    hinged_things,
    kitchen,
    linkage,
    pressed,
    soft,
    stands,
    tools,
    windows,
)
from neurok_model.data.families.registry import build_object, family_names

__all__ = ["build_object", "family_names"]
