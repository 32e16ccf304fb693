"""Generated and read objects with ground-truth motion, for training and evaluation."""

from neurok_model.data.families import build_object, family_names
from neurok_model.data.generated_object import Frames, GeneratedObject, ObjectKind

__all__ = ["Frames", "GeneratedObject", "ObjectKind", "build_object", "family_names"]
