"""Which instances and families belong to training, validation and test."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurok_model.errors import ErrorCode, NeurokError

SPLIT_NAMES = ("train", "validation", "test")
"""The remainder of an instance's seed modulo 3 is its split: instances of different splits never meet."""


FAMILY_STREAM = 0xFA
"""Keeps the split of a family independent of everything else that is drawn from its name."""


def split_of_seed(seed: int) -> str:
    """The split that an instance's seed belongs to."""
    return SPLIT_NAMES[seed % len(SPLIT_NAMES)]


def seed_in_split(split: str, generator: np.random.Generator) -> int:
    """Draw an instance seed that belongs to a split.

    Raises:
        NeurokError: for an unknown split.
    """
    return numbered_seed(split, int(generator.integers(2**40)))


def numbered_seed(split: str, index: int) -> int:
    """The instance seed with a number within a split: the same for everyone who asks, unlike a drawn one.

    Raises:
        NeurokError: for an unknown split.
    """
    return index * len(SPLIT_NAMES) + SPLIT_NAMES.index(checked_split(split))


def checked_split(split: str) -> str:
    """The split itself, when it is one.

    Raises:
        NeurokError: for an unknown split.
    """
    if split not in SPLIT_NAMES:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "split", split, "one of " + ", ".join(SPLIT_NAMES))
    return split


def family_generator(family: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for a family and some numbers."""
    return np.random.default_rng([zlib.crc32(family.encode()), *numbers])


def split_families(
    families: Sequence[str], *, validation: float = 0.1, test: float = 0.1, seed: int = 0
) -> dict[str, tuple[str, ...]]:
    """Families of each split: whole categories that only validation or only the test sees.

    The draw depends on each family's name and the seed alone, so that a family added later moves no other.

    Args:
        families: all families.
        validation: probability with which a family is kept for validation.
        test: probability with which a family is kept for the test.
        seed: of the draw.

    Raises:
        NeurokError: for shares that leave nothing to train on.
    """
    if not (validation >= 0.0 and test >= 0.0 and validation + test < 1.0):
        value = f"validation {validation}, test {test}"
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "shares", value, "shares that add up to less than one")
    found: dict[str, list[str]] = {name: [] for name in SPLIT_NAMES}
    for family in sorted(set(families)):
        place = family_generator(family, seed, FAMILY_STREAM).random()
        split = "test" if place < test else "validation" if place < test + validation else "train"
        found[split].append(family)
    return {split: tuple(names) for split, names in found.items()}


@dataclass(frozen=True)
class FamilySplit:
    """Families that training sees, and families that are left out to be unseen categories.

    Attributes:
        seen: drawn from in training.
        unseen: never drawn from in training.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]


def leave_families_out(
    families: Sequence[str], left_out: Sequence[str] = (), *, share: float = 0.0, seed: int = 0
) -> FamilySplit:
    """Leave named families out, or a random share of all.

    The draw depends on each family's name and the seed alone, so that a family added later moves no other.

    Args:
        families: all families.
        left_out: names to leave out.
        share: probability with which any other family is left out too.
        seed: of the draw.

    Raises:
        NeurokError: for a name that is not among the families, or when nothing would be left to see.
    """
    unknown = sorted(set(left_out) - set(families))
    if unknown:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "left_out", ", ".join(unknown), "names among " + ", ".join(sorted(families))
        )
    unseen = {name for name in families if name in left_out or family_generator(name, seed).random() < share}
    if unseen == set(families):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "left_out", "all families", "at least one family to train on")
    return FamilySplit(tuple(sorted(set(families) - unseen)), tuple(sorted(unseen)))
