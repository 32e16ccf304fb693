"""Reduction: from a latent of many dimensions to a handful of coordinates and a cheap smooth map on them."""

from neurok_model.reduction.active_subspace import ActiveSubspace, Displacement, active_subspace
from neurok_model.reduction.compilation import CompilationSettings, compile_object
from neurok_model.reduction.compiled_map import CompiledMap
from neurok_model.reduction.embedding import Embedding, FunctionEmbedding
from neurok_model.reduction.exact import ExactEmbedding
from neurok_model.reduction.fitting import FitSamples, fit_smooth_map, initial_inner_weights
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.sampled import NEARBY, SampledRegion
from neurok_model.reduction.smooth_map import SmoothMap

__all__ = [
    "NEARBY",
    "ActiveSubspace",
    "CompilationSettings",
    "CompiledMap",
    "Displacement",
    "Embedding",
    "ExactEmbedding",
    "FitSamples",
    "FunctionEmbedding",
    "PriorRegion",
    "SampledRegion",
    "SmoothMap",
    "active_subspace",
    "compile_object",
    "fit_smooth_map",
    "initial_inner_weights",
]
