"""Meshes, sampling, dual quaternions, normalisation and drive weights."""

from neurok_model.geometry.components import triangle_components
from neurok_model.geometry.drive import drive_weights
from neurok_model.geometry.mesh import PointCloud, TriangleMesh
from neurok_model.geometry.normalisation import Normalisation
from neurok_model.geometry.sampling import SurfaceSamples, sample_surface

__all__ = [
    "Normalisation",
    "PointCloud",
    "SurfaceSamples",
    "TriangleMesh",
    "drive_weights",
    "sample_surface",
    "triangle_components",
]
