"""The rules by which single frames are integrated again."""

import pytest
import torch

from neurok_model.mechanics.frame_refinement import FAILED, HEAVY, FrameRefinement

RULES = FrameRefinement(tolerance=1e-3, halvings=5)


def _ratio(before: float, after: float, failed: bool = False) -> float:
    """Of one candidate that exchanged one joule."""
    begin, end, joule = (torch.tensor([value], dtype=torch.float64) for value in (before, after, 1.0))
    return float(RULES.ratio(begin, end, joule, joule, torch.tensor([failed])))


def test_errors_that_add_up_are_judged_by_what_is_left() -> None:
    """Protects the balance of whole motions: the same error counts more the less room earlier frames left."""
    assert _ratio(0.0, 2e-4) < _ratio(3e-4, 5e-4) < _ratio(6e-4, 8e-4)
    assert _ratio(3e-4, 5e-4) == _ratio(-3e-4, -5e-4)


def test_frames_that_stand_stay_within_the_tolerance() -> None:
    """Protects the balance of whole motions: as long as there is room, what stands together is less than allowed."""
    total = 0.0
    for _ in range(3):
        error = 0.5 * (RULES.tolerance - total)
        assert _ratio(total, total + error) == pytest.approx(1.0)
        total += error
    assert total < RULES.tolerance


def test_errors_that_cancel_are_judged_by_the_whole_tolerance() -> None:
    """Protects speed: an oscillation of the energy is no loss."""
    assert _ratio(8e-4, 2e-4) < 1.0
    assert _ratio(0.0, 6e-4) > 1.0


def test_failure_asks_for_steps_a_quarter_as_long() -> None:
    """Protects motions through short events: where equations were not solved, one halving is not waited for."""
    assert _ratio(0.0, 0.0, failed=True) == FAILED > HEAVY
    stands, level = RULES.next_level(torch.tensor([FAILED, 1.5, 0.5, 0.01]), 2)
    assert stands.tolist() == [False, False, True, True]
    assert level.tolist() == [4, 3, 2, 1]


def test_the_shortest_steps_stand() -> None:
    """Protects against endless attempts."""
    stands, _ = RULES.next_level(torch.tensor([FAILED]), RULES.halvings)
    assert stands.all()
