"""Object families: a family name and a seed make one object.

Public: :func:`family_names`, :func:`build_object`.
"""

# Importing a module registers its families.
from neurok_model.data.families import (  # noqa: F401
    appliances,
    cabinets,
    carts,
    clocks_and_safes,
    coffee_machines,
    containers,
    controls,
    hinged_things,
    household,
    household_devices,
    kitchen,
    linkage,
    pressed,
    small_tools,
    soft,
    stands,
    tables,
    toasters,
    tools,
    windows,
)
from neurok_model.data.families.registry import build_object, family_names

__all__ = ["build_object", "family_names"]
