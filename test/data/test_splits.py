"""Splits of whole families: each in one of three, whatever other families exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurok_model.data.splits import SPLIT_NAMES, split_families
from neurok_model.errors import NeurokError

NAMES = st.lists(st.text("abcdefg_", min_size=1, max_size=8), max_size=40, unique=True)


@given(NAMES, NAMES, st.integers(0, 5))
def test_families_stay_in_their_split(families: list[str], later: list[str], seed: int) -> None:
    """Every family is in exactly one split, and families added later move no other."""
    split = split_families(families, validation=0.2, test=0.2, seed=seed)
    assert tuple(split) == SPLIT_NAMES
    assert sorted(name for names in split.values() for name in names) == sorted(families)
    more = split_families([*families, *later], validation=0.2, test=0.2, seed=seed)
    for name, names in split.items():
        assert set(names) <= set(more[name])


def test_shares_are_kept_and_checked() -> None:
    """Of many families about the stated shares are kept back; impossible shares are refused."""
    split = split_families([f"family{number}" for number in range(1000)], validation=0.1, test=0.3)
    assert len(split["validation"]) == pytest.approx(100, abs=40)
    assert len(split["test"]) == pytest.approx(300, abs=60)
    with pytest.raises(NeurokError, match="less than one"):
        split_families(["one"], validation=0.5, test=0.5)
    with pytest.raises(NeurokError, match="less than one"):
        split_families(["one"], validation=-0.5)
