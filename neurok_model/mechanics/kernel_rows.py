"""What the rows of the machine code's working memory are for. See ``kernel.Scratch``."""

(
    Q,
    QDOT,
    MOMENTUM,
    WANTED,
    CHANGE,
    RESIDUAL,
    CORRECTION,
    BEND,
    LAST_RESIDUAL,
    LAST_CORRECTION,
    LAST_STEP,
    LAST_BEND,
    NORMAL,
    YIELD,
    RESTORING,
) = range(15)
"""Rows of ``Scratch.vectors``."""

Y, MOVED, EXTERNAL, FORCE = range(4)
"""Rows of ``Scratch.wide``."""

MASS, FACTOR, DAMPED = range(3)
"""Matrices of ``Scratch.matrices``."""
