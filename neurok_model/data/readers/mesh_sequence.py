"""Reads recorded motions: a folder with one mesh per frame, or one npz file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from neurok_model.data.generated_object import ObjectKind
from neurok_model.data.sequences import MotionSequence, rounded
from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.geometry import TriangleMesh, triangle_components

SUFFIXES = (".obj", ".ply")


def read_mesh_sequence(
    path: str | Path, *, rate: float = 30.0, kind: ObjectKind = ObjectKind.ELASTIC, scale: float = 1.0
) -> MotionSequence:
    """Read frames that share their vertices' numbering and their triangles.

    Args:
        path: a folder of obj or ply files, whose names' numbers tell their order, or an npz file with
            ``vertices`` [frames, vertices, 3] and ``triangles`` [triangles, 3] (or ``faces``).
        rate: frames per second; an npz file may hold its own ``rate``.
        kind: how the object moves.
        scale: metres per unit of the file.

    Returns:
        A sequence without masses, contacts or energy. Connected pieces are parts; those that never move are
        part 0.

    Raises:
        NeurokError: INVALID_MESH for fewer than two frames, unreadable files, positions that are not finite,
            or vertices or triangles that change between frames, naming the first file where they do.
    """
    place = Path(path)
    if place.is_dir():
        vertices, triangles = _from_folder(place)
    elif place.suffix == ".npz" and place.is_file():
        vertices, triangles, rate = _from_archive(place, rate)
    else:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "path", str(place), "a folder of obj or ply files, or an npz file"
        )
    if len(vertices) < 2:
        raise NeurokError(ErrorCode.INVALID_MESH, "path", f"{place} with {len(vertices)} frames", "two frames or more")
    bad = ~np.isfinite(vertices).all(axis=(1, 2))
    if bad.any():
        raise NeurokError(ErrorCode.INVALID_MESH, f"vertices[{int(bad.argmax())}]", str(place), "finite numbers")
    vertices = vertices * scale
    mesh = TriangleMesh(vertices[0], triangles).validated()
    return MotionSequence(
        family=place.stem,
        kind=kind,
        seed=0,
        vertices=rounded(vertices),
        triangles=triangles.astype(np.int32),
        part_of_vertex=_parts(mesh, vertices),
        vertex_masses=np.zeros(vertices.shape[1], dtype=np.float32),
        rate=float(rate),
        degrees_of_freedom=0,
        contacts=np.zeros((0, 8)),
        physics={},
        energy=np.zeros(0),
        work=np.zeros(0),
        at_rest=False,
    )


def _parts(mesh: TriangleMesh, vertices: Float[np.ndarray, "f n 3"]) -> np.ndarray:
    part = np.zeros(vertices.shape[1], dtype=np.int32)
    part[mesh.triangles] = (triangle_components(mesh) + 1)[:, None]
    moves = (np.ptp(vertices, axis=0) > 1e-6).any(axis=1)
    moving = np.unique(part[moves])
    part[~np.isin(part, moving)] = 0
    return np.unique(np.append(0, part), return_inverse=True)[1].reshape(-1)[1:].astype(np.int32)


def _from_folder(folder: Path) -> tuple[Float[np.ndarray, "f n 3"], Int[np.ndarray, "t 3"]]:
    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES), key=_numbered)
    frames: list[np.ndarray] = []
    triangles = np.zeros((0, 3), dtype=np.int64)
    for file in files:
        vertices, faces = _loaded(file)
        if frames and (vertices.shape != frames[0].shape or not np.array_equal(faces, triangles)):
            value = f"{file.name} with {len(vertices)} vertices and {len(faces)} triangles"
            allowed = f"the topology of {files[0].name}: {len(frames[0])} vertices, {len(triangles)} triangles"
            raise NeurokError(ErrorCode.INVALID_MESH, "topology", value, allowed + ", in the same order")
        triangles = faces
        frames.append(vertices)
    return (np.stack(frames) if frames else np.zeros((0, 0, 3))), triangles


def _numbered(path: Path) -> tuple[list[int], str]:
    """Frame 10 comes after frame 9, also without leading zeros."""
    return [int(number) for number in re.findall(r"\d+", path.stem)], path.name


def _loaded(file: Path) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "t 3"]]:
    try:
        mesh = trimesh.load(file, force="mesh", process=False, maintain_order=True, skip_materials=True)
        vertices, faces = np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
        return vertices.reshape(-1, 3), faces.reshape(-1, 3)
    except Exception as error:  # every mesh format's parser raises its own kinds
        reason = f"{file} ({type(error).__name__}: {error})"
        raise NeurokError(ErrorCode.INVALID_MESH, "frame", reason, "a readable obj or ply file") from error


def _from_archive(file: Path, rate: float) -> tuple[Float[np.ndarray, "f n 3"], Int[np.ndarray, "t 3"], float]:
    try:
        with np.load(file) as archive:
            found = {name: archive[name] for name in archive.files}
        vertices = np.asarray(found["vertices"], dtype=np.float64)
        triangles = np.asarray(found["triangles" if "triangles" in found else "faces"])
        own_rate = float(found.get("rate", rate))
    except Exception as error:  # zip, pickle and key errors: all mean that this is not such a file
        reason = f"{file} ({type(error).__name__}: {error})"
        allowed = "an npz file with vertices [frames, vertices, 3] and triangles [triangles, 3]"
        raise NeurokError(ErrorCode.INVALID_MESH, "path", reason, allowed) from error
    if vertices.ndim != 3 or vertices.shape[2] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        value = f"{file} with vertices {vertices.shape} and triangles {triangles.shape}"
        raise NeurokError(ErrorCode.INVALID_MESH, "path", value, "one array of triangles for all frames")
    return vertices, triangles.astype(np.int64), own_rate
