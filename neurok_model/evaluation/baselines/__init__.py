"""Methods that know nothing of objects and solve the same tasks from the same evidence."""

from neurok_model.evaluation.baselines.arap import fit_arap
from neurok_model.evaluation.baselines.cage import fit_cage
from neurok_model.evaluation.baselines.rigid import fit_rigid

__all__ = ["fit_arap", "fit_cage", "fit_rigid"]
