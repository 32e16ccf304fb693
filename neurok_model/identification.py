"""Physical parameters from observed motion: one scan shows neither mass nor stiffness nor damping, a few pokes do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.mechanics import Contact
from neurok_model.physics import PhysicsParameters
from neurok_model.results import ObjectState

IDENTIFIED = ("mass", "elastic_frequency", "damping_rate")
"""Parameters that are fitted unless others are named."""

RANGES = {
    "mass": (1e-3, 1e3),
    "elastic_frequency": (1e-2, 30.0),
    "prior_frequency": (1e-2, 30.0),
    "sag": (1e-3, 30.0),
    "damping_rate": (1e-3, 100.0),
    "stiffness_damping": (1e-5, 1.0),
    "friction_deceleration": (1e-3, 100.0),
    "reach": (0.02, 5.0),
    "learned_latent_mass": (1e-2, 10.0),
}
"""What can be fitted, and within which limits (units as in ``PhysicsParameters``)."""

TYPICAL = {
    "elastic_frequency": 0.3,
    "prior_frequency": 0.3,
    "sag": 0.3,
    "damping_rate": 0.5,
    "stiffness_damping": 0.003,
    "friction_deceleration": 0.3,
}
"""Where a parameter begins that is stated as zero: its logarithm has to begin somewhere."""

PRIOR_DEVIATION = 1.5
"""Standard deviation of a parameter's logarithm before anything is observed: a factor of 4.5 either way."""

PRIOR_DEVIATIONS = {"reach": 0.6}
"""The same of parameters of which more is known."""

STARTS = {"elastic_frequency": (0.5, 1.5, 4.0), "prior_frequency": (0.5, 1.5, 4.0), "sag": (0.03, 0.3, 3.0)}
"""Where the fit of a stiffness begins too: a wrong number of swings is a local minimum."""

LEARNED_MODEL_ERROR = 0.1
"""Share of an observed motion that learned mechanics miss whatever their parameters are: a ``model_error`` for them."""

ITERATIONS = 20
DIFFERENCE = 0.002
"""Change of a logarithm by which derivatives are taken."""

TRACKED = 96
"""Observed vertices that are compared, at most; more tell nothing new."""


@dataclass(frozen=True)
class MotionObservation:
    """One poke and the motion that was seen after it.

    Attributes:
        contacts: what was done, in the frame of the scan.
        times: seconds since the beginning, evenly spaced from 0.
        points: positions of vertices at these times [m], in the frame of the scan.
        indices: which vertices of the scan they are; all of them when left out.
        initial_state: where the motion began; rest when left out.

    Raises:
        NeurokError: INVALID_PARAMETER for times or points that are not finite, not even, or of another shape.
    """

    contacts: Sequence[Contact]
    times: Float[np.ndarray, " frames"]
    points: Float[np.ndarray, "frames p 3"]
    indices: Int[np.ndarray, " p"] | None = None
    initial_state: ObjectState | None = None

    def __post_init__(self) -> None:
        steps = np.diff(self.times)
        if len(steps) == 0 or not np.isfinite(self.times).all() or not np.allclose(steps, steps[0]) or steps[0] <= 0:
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "times", self.times, "at least two evenly spaced times")
        if self.points.ndim != 3 or self.points.shape[0] != len(self.times) or not np.isfinite(self.points).all():
            allowed = f"finite positions, [{len(self.times)}, p, 3]"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "points", self.points.shape, allowed)

    @property
    def step(self) -> float:
        """Seconds between frames."""
        return float(self.times[1] - self.times[0])

    def vertices(self, count: int) -> Int[np.ndarray, " p"]:
        """Which vertices of the scan were watched.

        Args:
            count: how many the scan has.

        Raises:
            NeurokError: INVALID_PARAMETER where there are not as many positions, or the scan has no such vertex.
        """
        indices = np.arange(count) if self.indices is None else np.asarray(self.indices)
        if len(indices) != self.points.shape[1]:
            allowed = f"positions of {len(indices)} vertices"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "points", self.points.shape, allowed)
        if len(indices) == 0 or indices.min() < 0 or indices.max() >= count:
            value = "none" if len(indices) == 0 else f"{indices.min()} to {indices.max()}"
            raise NeurokError(ErrorCode.INVALID_PARAMETER, "indices", value, f"vertices from 0 to {count - 1}")
        return indices


@dataclass(frozen=True)
class IdentifiedPhysics:
    """Fitted parameters with their uncertainty: a normal distribution of their logarithms (Laplace's approximation).

    Attributes:
        physics: the most probable parameters.
        names: which of them were fitted; "reach[0]", "reach[1]" and so on where there are several ends to reach.
        log_mean: logarithms of their values.
        log_covariance: of these logarithms.
        residual: root-mean-square distance between observed and predicted points [m].
        residual_before: the same with the parameters as they were stated.
    """

    physics: PhysicsParameters
    names: tuple[str, ...]
    log_mean: Float[np.ndarray, " n"]
    log_covariance: Float[np.ndarray, "n n"]
    residual: float
    residual_before: float

    def value(self, name: str) -> float:
        """The most probable value of one of ``names``, in its own unit."""
        return _value(self.physics, name)

    def interval(self, name: str, deviations: float = 1.96) -> tuple[float, float]:
        """A credible interval of one parameter (95 % unless told otherwise), in its own unit."""
        index = self.names.index(name)
        middle, half = self.log_mean[index], deviations * math.sqrt(self.log_covariance[index, index])
        return float(math.exp(middle - half)), float(math.exp(middle + half))

    def draw(self, count: int, seed: int) -> list[PhysicsParameters]:
        """Parameters drawn from the distribution, within what has a meaning."""
        generator = np.random.default_rng(seed)
        drawn = generator.multivariate_normal(self.log_mean, self.log_covariance, size=count, method="cholesky")
        return [_with(self.physics, self.names, row) for row in drawn]


Residuals = Callable[[PhysicsParameters], Float[np.ndarray, " m"]]
"""All differences between predicted and observed coordinates [m] under some parameters."""


PredictedPoints = Callable[
    [PhysicsParameters, MotionObservation, Int[np.ndarray, " p"]], Float[np.ndarray, "frames p 3"]
]
"""Positions of some of the scan's vertices after an observation's contacts, under some parameters [m]."""


def identify_physics(
    predicted: PredictedPoints,
    observations: Sequence[MotionObservation],
    stated: PhysicsParameters,
    parameters: Sequence[str],
    vertices: int,
    dimension: int,
    model_error: float = 0.0,
    starts: Sequence[Mapping[str, float]] = (),
) -> IdentifiedPhysics:
    """Fit physical parameters to observed pokes; see ``ObjectModel.identify``.

    Args:
        predicted: the model.
        observations: pokes and the motions that followed.
        stated: the parameters before.
        parameters: which to fit.
        vertices: how many the scan has.
        dimension: number of reduced coordinates, as which each frame is counted.
        model_error: see ``ObjectModel.identify``.
        starts: values at which a fit begins too, by name; those that are not fitted do not count.

    Raises:
        NeurokError: INVALID_PARAMETER for no observation, one of other vertices, a parameter that cannot be fitted, or
            a model error that is negative or not finite.
    """
    names = checked_names(parameters)
    if not (math.isfinite(model_error) and model_error >= 0.0):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "model_error", model_error, "a finite number of at least 0")
    if len(observations) == 0:
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "observations", "none", "at least one")
    seen = [(observation, *_compared(observation, vertices)) for observation in observations]

    def residuals(physics: PhysicsParameters) -> Float[np.ndarray, " m"]:
        rows = []
        for observation, indices, moved in seen:
            points = predicted(physics, observation, indices).astype(np.float64)
            rows.append((points - points[:1] - moved)[1:].ravel())
        return np.concatenate(rows)

    independent = sum(len(observation.times) - 1 for observation in observations) * dimension
    motion = np.concatenate([moved[1:].ravel() for _, _, moved in seen])
    floor = model_error**2 * float(np.mean(motion**2))
    return fit_physics(residuals, stated, names, independent, floor, starts)


def _compared(
    observation: MotionObservation, vertices: int
) -> tuple[Int[np.ndarray, " p"], Float[np.ndarray, "f p 3"]]:
    """Evenly picked vertices of an observation, and their displacements."""
    indices = observation.vertices(vertices)
    chosen = np.unique(np.linspace(0, len(indices) - 1, min(TRACKED, len(indices))).round().astype(int))
    moved = observation.points[:, chosen].astype(np.float64)
    return indices[chosen], moved - moved[:1]


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """The parameters to fit.

    Raises:
        NeurokError: INVALID_PARAMETER for none, or for one that cannot be fitted.
    """
    wrong = [name for name in names if name not in RANGES]
    if wrong or not names:
        raise NeurokError(
            ErrorCode.INVALID_PARAMETER, "parameters", ", ".join(wrong) or "none", "some of " + ", ".join(RANGES)
        )
    return tuple(names)


def fit_physics(
    residuals: Residuals,
    stated: PhysicsParameters,
    names: tuple[str, ...],
    independent: int,
    floor: float = 0.0,
    more_starts: Sequence[Mapping[str, float]] = (),
) -> IdentifiedPhysics:
    """Most probable parameters by Levenberg-Marquardt on their logarithms, from several starts.

    Neighbouring points and what the model cannot do at all make residuals depend on each other, so the information
    in N coordinates is counted as that of ``independent`` ones.

    Args:
        residuals: of all observations together.
        stated: the parameters before, which are also the prior's median.
        names: which to fit.
        independent: number of independent measurements, at most N.
        floor: mean square that residuals have whatever the parameters are [m^2].
        more_starts: see :func:`identify_physics`.
    """
    names = _every_end(stated, names)
    centre = np.array([_first_logarithm(stated, name) for name in names])
    starts = [centre]
    for index, name in enumerate(names):
        for value in STARTS.get(name, ()):
            start = centre.copy()
            start[index] = math.log(value)
            starts.append(start)
    for values in more_starts:
        start = centre.copy()
        for index, name in enumerate(names):
            if name in values:
                start[index] = math.log(values[name])
        starts.append(start)
    ends = np.array([parameter_of(name) == "reach" for name in names])
    if ends.any() and not ends.all():
        # A heavier object would not get as far as its stops: where these are is looked for before all else.
        only = tuple(name for name in names if parameter_of(name) == "reach")
        for start in starts.copy():
            first = start.copy()
            fit = _levenberg_marquardt(residuals, stated, only, start[ends], centre[ends], independent, floor)
            first[ends] = fit[0]
            starts.append(first)
    before = residuals(stated)
    fits = [_levenberg_marquardt(residuals, stated, names, start, centre, independent, floor) for start in starts]
    best, rows, jacobian, _ = min(fits, key=lambda fit: fit[3])
    variance = max(float(rows @ rows) / len(rows) + floor, 1e-16)
    information = min(1.0, independent / len(rows)) / variance * jacobian.T @ jacobian
    covariance = np.linalg.inv(information + np.diag(_prior_information(names)))
    return IdentifiedPhysics(
        _with(stated, names, best),
        names,
        best,
        0.5 * (covariance + covariance.T),
        float(np.sqrt(3.0 * np.mean(rows**2))),
        float(np.sqrt(3.0 * np.mean(before**2))),
    )


def _levenberg_marquardt(
    residuals: Residuals,
    stated: PhysicsParameters,
    names: tuple[str, ...],
    start: Float[np.ndarray, " n"],
    centre: Float[np.ndarray, " n"],
    independent: int,
    floor: float,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"], Float[np.ndarray, "m n"], float]:
    """Minimise n_e / 2 log(mean square) + prior; returns logarithms, residuals, their derivatives and that cost."""
    prior = _prior_information(names)

    def cost(rows: Float[np.ndarray, " m"], at: Float[np.ndarray, " n"]) -> float:
        spread = float(prior @ (at - centre) ** 2)
        return 0.5 * independent * math.log(max(float(np.mean(rows**2)) + floor, 1e-16)) + 0.5 * spread

    at, damping = start, 1e-2
    rows = residuals(_with(stated, names, at))
    jacobian = _derivatives(residuals, stated, names, at, rows)
    for _ in range(ITERATIONS):
        variance = max(float(np.mean(rows**2)) + floor, 1e-16) * len(rows) / independent
        curvature = jacobian.T @ jacobian / variance + np.diag(prior)
        slope = jacobian.T @ rows / variance + prior * (at - centre)
        change = -np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), slope)
        trial = at + np.clip(change, -1.0, 1.0)
        trial_rows = residuals(_with(stated, names, trial))
        if cost(trial_rows, trial) < cost(rows, at):
            gained = cost(rows, at) - cost(trial_rows, trial)
            at, rows, damping = trial, trial_rows, damping / 4.0
            jacobian = _derivatives(residuals, stated, names, at, rows)
            if gained < 1e-4:
                break
        else:
            damping *= 8.0
            if damping > 1e4:
                break
    return at, rows, jacobian, cost(rows, at)


def _prior_information(names: tuple[str, ...]) -> Float[np.ndarray, " n"]:
    """What is known of each logarithm before anything is observed: one over its variance."""
    return np.array([PRIOR_DEVIATIONS.get(parameter_of(name), PRIOR_DEVIATION) ** -2 for name in names])


def _derivatives(
    residuals: Residuals,
    stated: PhysicsParameters,
    names: tuple[str, ...],
    at: Float[np.ndarray, " n"],
    rows: Float[np.ndarray, " m"],
) -> Float[np.ndarray, "m n"]:
    steps = DIFFERENCE * np.eye(len(names))
    return np.stack([(residuals(_with(stated, names, at + step)) - rows) / DIFFERENCE for step in steps], axis=1)


def parameter_of(name: str) -> str:
    """The parameter that a fitted number belongs to: "reach" of "reach[1]"."""
    return name.partition("[")[0]


def _every_end(stated: PhysicsParameters, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the numbers to fit: of several ends each has its own."""
    if not isinstance(stated.reach, tuple):
        return names
    ends = [f"reach[{index}]" for index in range(len(stated.reach))]
    return tuple(each for name in names for each in (ends if name == "reach" else [name]))


def _first_logarithm(stated: PhysicsParameters, name: str) -> float:
    """Where a fit begins."""
    parameter = parameter_of(name)
    return math.log(max(_value(stated, name), TYPICAL.get(parameter, 0.0), RANGES[parameter][0]))


def _value(physics: PhysicsParameters, name: str) -> float:
    """The number that a name stands for."""
    value = getattr(physics, parameter_of(name))
    return float(value[_index(name)] if isinstance(value, tuple) else value)


def _index(name: str) -> int:
    """1 of "reach[1]"."""
    return int(name.partition("[")[2].rstrip("]"))


def _with(stated: PhysicsParameters, names: tuple[str, ...], logarithms: Float[np.ndarray, " n"]) -> PhysicsParameters:
    values: dict[str, float | tuple[float, ...]] = {}
    for name, logarithm in zip(names, logarithms, strict=True):
        parameter = parameter_of(name)
        value = float(np.clip(np.exp(logarithm), *RANGES[parameter]))
        before = values.get(parameter, getattr(stated, parameter))
        if isinstance(before, tuple):
            index = _index(name)
            values[parameter] = (*before[:index], value, *before[index + 1 :])
        else:
            values[parameter] = value
    return replace(stated, **values)  # type: ignore[arg-type]
