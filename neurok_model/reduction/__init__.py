"""Reduction: from a latent of many dimensions to a handful of coordinates and a cheap smooth map on them."""

from neurok_model.reduction.active_subspace import ActiveSubspace, active_subspace
from neurok_model.reduction.compilation import CompilationSettings, CompiledMap, compile_object
from neurok_model.reduction.embedding import Embedding, FunctionEmbedding
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap, fit_smooth_map

__all__ = [
    "ActiveSubspace",
    "CompilationSettings",
    "CompiledMap",
    "Embedding",
    "FunctionEmbedding",
    "PriorRegion",
    "SmoothMap",
    "active_subspace",
    "compile_object",
    "fit_smooth_map",
]
