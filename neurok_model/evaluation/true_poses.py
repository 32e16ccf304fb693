"""The poses that an object can really take, and the one nearest to a given pose."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import least_squares

from neurok_model.data.generated_object import GeneratedObject
from neurok_model.data.sources import other_states
from neurok_model.evaluation.metrics import at_samples, surface_samples

FITTED_SAMPLES = 256
"""Surface samples at which true poses are fitted."""

TRIED_STATES = 128
STARTS = 4
DIFFERENCE = 1e-4
"""Step of the forward differences, as a share of each coordinate's range."""


class TruePoses(ABC):
    """Where the surface of an object can be."""

    @abstractmethod
    def draw(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "count n 3"]:
        """True poses: vertices in metres."""

    @abstractmethod
    def nearest(self, vertices: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The true pose at the smallest mean squared distance (over the surface) from some vertices."""


class StatePoses(TruePoses):
    """An object whose true states are known: the nearest one is found by bounded least squares.

    Args:
        instance: the object.
        seed: of the samples and starts.
    """

    def __init__(self, instance: GeneratedObject, seed: int) -> None:
        self._instance = instance
        generator = np.random.default_rng((seed, 3))
        self._tried = np.concatenate(
            (
                other_states(instance, generator, TRIED_STATES // 2),
                instance.sample_states(generator, TRIED_STATES // 2),
            )
        )
        reference = instance.pose(self._tried[:1]).vertices[0]
        self._samples = surface_samples(reference, instance.triangles, FITTED_SAMPLES, generator)
        self._tried_points = self._points(self._tried)

    def draw(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "count n 3"]:
        """Poses anywhere between the limits."""
        return self._instance.pose(other_states(self._instance, generator, count)).vertices

    def nearest(self, vertices: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """From the best of many states on, several times."""
        wanted = at_samples(vertices, self._instance.triangles, self._samples)
        costs = ((self._tried_points - wanted) ** 2).sum(axis=(1, 2))
        lower, upper = self._instance.state_range.T
        span = np.maximum(upper - lower, 1e-12)
        best_cost, best = np.inf, self._tried[0]
        for start in self._tried[np.argsort(costs)[:STARTS]]:
            found = least_squares(
                lambda share: (self._points((lower + share * span)[None])[0] - wanted).reshape(-1),
                np.clip((start - lower) / span, 0.0, 1.0),
                jac=lambda share: self._jacobian(share, lower, span),
                bounds=(0.0, 1.0),
                max_nfev=30,
            )
            if found.cost < best_cost:
                best_cost, best = found.cost, lower + found.x * span
        return self._instance.pose(best[None]).vertices[0]

    def _jacobian(
        self, share: Float[np.ndarray, " d"], lower: Float[np.ndarray, " d"], span: Float[np.ndarray, " d"]
    ) -> Float[np.ndarray, "m d"]:
        step = np.where(share < 0.5, DIFFERENCE, -DIFFERENCE)
        points = self._points(lower + span * np.concatenate((share[None], share + np.diag(step))))
        return ((points[1:] - points[:1]) / step[:, None, None]).reshape(len(share), -1).T

    def _points(self, states: Float[np.ndarray, "f d"]) -> Float[np.ndarray, "f s 3"]:
        triangle, barycentric = self._samples
        vertices = self._instance.pose(states).vertices
        return np.einsum("sc,fscd->fsd", barycentric, vertices[:, self._instance.triangles[triangle]])


class RecordedPoses(TruePoses):
    """An object of which some frames were recorded: distances to them are upper bounds of the true ones.

    Args:
        frames: vertices, metres.
        triangles: vertex indices.
        seed: of the samples at which poses are compared.
    """

    def __init__(self, frames: Float[np.ndarray, "f n 3"], triangles: Int[np.ndarray, "t 3"], seed: int) -> None:
        self._frames = frames
        generator = np.random.default_rng((seed, 3))
        self._corners = triangles
        self._samples = surface_samples(frames[0], triangles, FITTED_SAMPLES, generator)

    def draw(self, count: int, generator: np.random.Generator) -> Float[np.ndarray, "count n 3"]:
        """Recorded frames."""
        return self._frames[generator.integers(len(self._frames), size=count)]

    def nearest(self, vertices: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The nearest recorded frame."""
        wanted = at_samples(vertices, self._corners, self._samples)
        costs = [((at_samples(frame, self._corners, self._samples) - wanted) ** 2).sum() for frame in self._frames]
        return self._frames[int(np.argmin(costs))]
