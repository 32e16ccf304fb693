"""How a rollout ended, for each candidate."""

from __future__ import annotations

from enum import IntEnum


class Outcome(IntEnum):
    """The numbers are part of the ROS contract and never change meaning.

    OK: the whole horizon was integrated inside the prior's region.
    PRIOR_EDGE: integrated, but the state touched the edge of the region in which the model was fitted, so
    that the
        motion from there on says little.
    DIVERGED: the equations could not be solved or the state left every plausible range; the trajectory stays
    at the
        last state that could be trusted.
    CANCELLED: stopped by the caller; the trajectory stays at the last state that was reached.
    """

    OK = 0
    PRIOR_EDGE = 1
    DIVERGED = 2
    CANCELLED = 3
