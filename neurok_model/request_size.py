"""How much memory a request needs, so that one that is too large is refused before anything is allocated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Contact, Embedding, contact_points

MEMORY_LIMIT = 4 * 1024**3
"""Bytes that one request may take where nothing else is said."""

DOUBLE, SINGLE = 8, 4
"""Bytes per number."""

COPIES = 3
"""Rollouts are held up to three times at once: as integrated, as integrated again with shorter steps, and put together;
the energy balance is smaller than any of these.
"""


@dataclass(frozen=True)
class RequestSize:
    """Bytes that a prediction holds at its largest, by what they are for.

    Attributes:
        states: q, qdot and energies of every candidate and frame.
        contacts: the contacts in embedding coordinates.
        points: positions of vertices, and what they are decoded from.
    """

    states: int
    contacts: int
    points: int

    @property
    def total(self) -> int:
        """Bytes altogether."""
        return self.states + self.contacts + self.points

    @classmethod
    def of(
        cls,
        *,
        candidates: int,
        frames: int,
        dimension: int,
        embedding_dimension: int,
        contacts: int = 1,
        tracked: int = 0,
        vertices: int = 0,
    ) -> RequestSize:
        """The size of a request.

        Args:
            candidates: K.
            frames: recorded states of each, the first one included.
            dimension: k.
            embedding_dimension: r.
            contacts: points of contact of each candidate, at most.
            tracked: vertices whose positions are wanted in every frame.
            vertices: vertices whose positions are wanted in one frame.
        """
        decoded = candidates * (frames if tracked else 0), candidates * (1 if vertices else 0)
        positions = 3 * (decoded[0] * tracked + decoded[1] * vertices)
        return cls(
            states=COPIES * DOUBLE * candidates * frames * (2 * dimension + 4),
            contacts=2 * DOUBLE * candidates * contacts * (3 * embedding_dimension + 8),
            # Positions exist once as the product and once with rest added where that is in double precision.
            points=sum(decoded) * embedding_dimension * (DOUBLE + SINGLE) + positions * (DOUBLE + SINGLE),
        )

    def check(self, limit: int, what: str) -> None:
        """Refuse what is over the limit.

        Args:
            limit: bytes.
            what: the request in words, with the numbers that make it large.

        Raises:
            NeurokError: REQUEST_TOO_LARGE.
        """
        if self.total > limit:
            parts = ", ".join(f"{name} {in_words(getattr(self, name))}" for name in ("states", "contacts", "points"))
            value = f"{what} would take {in_words(self.total)} ({parts})"
            raise NeurokError(ErrorCode.REQUEST_TOO_LARGE, "request", value, f"up to {in_words(limit)} of memory")


def check_rollout(
    limit: int,
    embedding: Embedding,
    actions: Sequence[Sequence[Contact]],
    frames: int,
    tracked: int = 0,
    vertices: int = 0,
) -> None:
    """Refuse candidates whose motion takes too much memory.

    Args:
        limit: bytes.
        embedding: of the object.
        actions: the contacts of each candidate.
        frames: recorded states of each.
        tracked: vertices wanted in every frame.
        vertices: vertices wanted at the last frame.

    Raises:
        NeurokError: REQUEST_TOO_LARGE.
    """
    points = max((sum(len(contact_points(contact)) for contact in action) for action in actions), default=0)
    size = RequestSize.of(
        candidates=len(actions),
        frames=frames,
        dimension=embedding.dimension,
        embedding_dimension=embedding.embedding_dimension,
        contacts=points,
        tracked=tracked,
        vertices=vertices,
    )
    wanted = f"{len(actions)} candidates of {frames} frames"
    wanted += f" with {tracked} tracked vertices" if tracked else ""
    wanted += f" with {vertices} vertices at the end" if vertices else ""
    size.check(limit, wanted)


@contextmanager
def memory_and_device_errors(what: str) -> Iterator[None]:
    """Turn what the machine refuses into errors that say so; nothing of the object has changed by then.

    Args:
        what: the request in words.

    Raises:
        NeurokError: REQUEST_TOO_LARGE where memory ran out all the same, INTERNAL where a device is gone.
    """
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        allowed = "less at once: this machine's memory ran out"
        raise NeurokError(ErrorCode.REQUEST_TOO_LARGE, "request", what, allowed) from error
    except RuntimeError as error:
        if "CUDA error" not in str(error):
            raise
        allowed = "a device that answers: load the predictor again, or with device cpu"
        raise NeurokError(ErrorCode.INTERNAL, "device", f"{what}: {error}", allowed) from error


def in_words(count: float) -> str:
    """A number of bytes, readable."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000 or unit == "PB":
            break
        count /= 1000
    return f"{count:.3g} {unit}"
