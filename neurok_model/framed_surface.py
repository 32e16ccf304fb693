"""The surface of an object whose base is free or moves: a rigid motion of the surface that the object has by itself."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurok_model.mechanics import FramedEmbedding, point_functions
from neurok_model.surface import ReducedSurface


class FramedSurface(ReducedSurface):
    """x = R(q) (X0 - c + Phi y(q)) + c + t(q).

    Args:
        inner: the surface in the frame of the base.
        frame: the free or pinned body.
        point_modes: Phi of the frame's own embedding at the surface points; from the surface's when left out.
    """

    def __init__(
        self, inner: ReducedSurface, frame: FramedEmbedding, point_modes: Float[Tensor, "N 3 R"] | None = None
    ) -> None:
        self._inner, self._frame = inner, frame
        self._centre = frame.centre.double().cpu()
        if point_modes is None:
            points = torch.as_tensor(inner.scan.samples.points)
            functions = point_functions(points, inner.point_modes().double().cpu(), self._centre)
            point_modes = frame.point_modes(functions)
        super().__init__(inner.scan, frame, point_modes, self._modes_at_vertices, 0.0)
        self.contact_reach = inner.contact_reach
        self.memory_limit = inner.memory_limit

    def vertices(
        self, q: Float[np.ndarray, "*b k"], indices: Int[np.ndarray, " p"] | None = None
    ) -> Float[np.ndarray, "*b p 3"]:
        """Positions of all vertices, or of the chosen ones, in metres as float32.

        Raises:
            NeurokError: INVALID_PARAMETER for vertex indices out of range.
        """
        frame = self._frame
        turn, shift, own = frame.frame(torch.as_tensor(q, dtype=frame.dtype, device=frame.device))
        placed = self._inner.vertices(own.cpu().numpy(), indices).astype(np.float64)
        centre = self._centre.numpy()
        turned = (placed - centre) @ turn.double().cpu().mT.numpy()
        moved = turned + (centre + shift.double().cpu().numpy())[..., None, :]
        return np.asarray(moved.astype(np.float32))

    def _modes_at_vertices(self) -> Float[Tensor, "n 3 R"]:
        vertices = torch.as_tensor(self.rest_vertices.astype(np.float64))
        modes = self._inner.vertex_modes().double().cpu()
        return self._frame.point_modes(point_functions(vertices, modes, self._centre))
