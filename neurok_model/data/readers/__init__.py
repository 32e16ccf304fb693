"""Readers that turn files of other projects into objects that can be posed, or recorded motions."""

from neurok_model.data.readers.mesh_sequence import read_mesh_sequence
from neurok_model.data.readers.mjcf import read_mjcf
from neurok_model.data.readers.urdf import read_urdf

__all__ = ["read_mesh_sequence", "read_mjcf", "read_urdf"]
