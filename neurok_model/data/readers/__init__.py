"""Readers that turn files of other projects into objects that can be posed."""

from neurok_model.data.readers.mjcf import read_mjcf

__all__ = ["read_mjcf"]
