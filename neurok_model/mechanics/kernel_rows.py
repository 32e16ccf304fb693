"""What the rows of the machine code's working memory are for. See ``kernel.Scratch``."""

(
    Q,
    QDOT,
    Q_NEXT,
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
) = range(15)
"""Rows of ``Scratch.vectors``."""

Y, Y_NEXT, MOVED, EXTERNAL, FORCE = range(5)
"""Rows of ``Scratch.wide``."""

MASS, FACTOR, DAMPED = range(3)
"""Matrices of ``Scratch.matrices``."""
