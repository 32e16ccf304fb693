"""Energy, momentum and work over seconds of motion, for every family and integrator."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from neurok_model.data.generation import articulated_family_names
from neurok_model.evaluation.energy_cases import (
    MotionCase,
    articulated_case,
    encoded_case,
    momenta,
    motion_families,
)
from neurok_model.evaluation.energy_plots import draw_energy
from neurok_model.evaluation.lids import judge_lid, lid_of
from neurok_model.mechanics import (
    INTEGRATORS,
    Actions,
    Damping,
    DormandPrince5,
    Integrator,
    LagrangianSystem,
    MassProportional,
    MechanicsConfiguration,
    Outcome,
    Rollout,
    RolloutSettings,
    State,
    Variational,
    apply_impulse,
    damping_of_walls,
    rollout,
)
from neurok_model.predictor import Predictor

DAMPING_RATE = 0.5
"""Of the damped motions [1/s]."""

DEFAULT = Variational.name


@dataclass(frozen=True)
class EnergyEvaluation:
    """What to evaluate.

    Args:
        checkpoint: safetensors file of the encoded cases; the packaged weights when left out.
        families: names; every family when left out.
        integrators: names; every integrator when left out.
        seconds: how long.
        rate: recorded states per second.
        candidates: motions per case, with random initial velocities.
        precision: of the mechanics.
        encoded: whether scans are encoded too, besides true joints, which need no checkpoint.
        plots: folder for the pictures.
        seed: of surface points.
        device: of the networks: "auto", "cpu" or "cuda".
    """

    checkpoint: Path | None = None
    families: tuple[str, ...] = ()
    integrators: tuple[str, ...] = ()
    seconds: float = 5.0
    rate: float = 60.0
    candidates: int = 2
    precision: Literal["float32", "float64"] = "float32"
    encoded: bool = True
    plots: Path | None = None
    seed: int = 0
    device: str = "auto"


@dataclass
class _Findings:
    """Everything measured so far."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def evaluate_energy(configuration: EnergyEvaluation, console: Console) -> dict[str, Any]:
    """Run all cases.

    Returns:
        ``overall``: ``max_drift`` and ``median_drift`` of the default integrator without damping,
        ``max_damping_error`` (energy lost against the work of damping), ``max_impulse_error`` (energy gained against
        the work of a strike), ``max_momentum_error`` of floating objects, ``max_lid_angular_momentum_error`` and
        ``max_lid_period_error``; ``integrators``: the drifts of each; ``cases``: every case's own figures.
    """
    dtype = getattr(torch, configuration.precision)
    names = configuration.integrators or tuple(INTEGRATORS)
    methods = {name: _method(name, dtype) for name in names}
    findings = _Findings()
    for case in track(list(_cases(configuration, dtype)), "moving", console=console):
        _judge_case(case(), methods, configuration, findings)
    lids = _judge_lids(configuration, dtype)
    if configuration.plots is not None:
        draw_energy(findings.curves, configuration.plots)
    return {
        "overall": _overall(findings.cases, lids),
        "integrators": {name: _drifts(findings.cases, name) for name in names},
        "cases": findings.cases,
        "lids": lids,
        "settings": {
            "seconds": configuration.seconds,
            "rate": configuration.rate,
            "precision": configuration.precision,
            "default_integrator": DEFAULT,
            "candidates": configuration.candidates,
        },
    }


def _cases(configuration: EnergyEvaluation, dtype: torch.dtype) -> list[Any]:
    """Functions that build the cases, one after another, so that only one is held."""
    families = configuration.families or tuple(motion_families())
    articulated = [name for name in articulated_family_names() if name in families]
    count = configuration.candidates
    made: list[Any] = []
    for name in articulated:
        made.append(lambda name=name: articulated_case(name, dtype, count, floating=False))
        made.append(lambda name=name: articulated_case(name, torch.float64, count, floating=True))
    if configuration.encoded:
        predictor = Predictor.load(configuration.checkpoint, device=configuration.device, seed=configuration.seed)
        made += [lambda name=name: encoded_case(predictor, name, dtype, count) for name in families]
    return made


def _method(name: str, dtype: torch.dtype) -> Integrator:
    if name == DormandPrince5.name and dtype == torch.float32:
        # Its default tolerance is beyond single precision, where its step would shrink to nothing.
        return DormandPrince5(relative_tolerance=1e-5, absolute_tolerance=1e-7)
    return INTEGRATORS[name]()


def _judge_case(
    case: MotionCase, methods: dict[str, Integrator], configuration: EnergyEvaluation, findings: _Findings
) -> None:
    """All figures of one case; floating ones, which cost most, with the default integrator alone."""
    result: dict[str, Any] = {"family": case.family, "kind": case.kind, "dimension": case.system.embedding.dimension}
    chosen = {DEFAULT: methods[DEFAULT]} if case.kind == "floating" and DEFAULT in methods else methods
    result["integrators"] = {}
    for name, method in chosen.items():
        motion = _run(case, method, configuration)
        result["integrators"][name] = _figures(motion)
        findings.curves.setdefault(name, {})[f"{case.kind} {case.family}"] = _curve(motion)
        if case.kind == "floating":
            result["momentum_error"] = _momentum_error(case, motion)
    if DEFAULT in methods:
        damped = replace(case, system=replace(case.system, damping=_damping(case.system)))
        result["damping_error"] = _damping_error(_run(damped, methods[DEFAULT], configuration))
    result["impulse_error"] = _impulse_error(case)
    findings.cases[f"{case.kind}/{case.family}"] = result


def _damping(system: LagrangianSystem) -> tuple[Damping, ...]:
    """The standard terms: a share of the mass matrix, and what walls take out of what runs into them."""
    walls = damping_of_walls(system.potentials, MechanicsConfiguration.wall_restitution)
    return (MassProportional(DAMPING_RATE), *walls)


def _run(case: MotionCase, method: Integrator, configuration: EnergyEvaluation) -> Rollout:
    count = len(case.start.q)
    settings = RolloutSettings(method)
    return rollout(
        case.system, case.start, Actions(count), configuration.seconds, 1.0 / configuration.rate, settings=settings
    )


def _figures(motion: Rollout) -> dict[str, Any]:
    """Drift of the worst candidate that did not diverge, and how the candidates ended."""
    alive = motion.trajectories.outcome != int(Outcome.DIVERGED)
    drift = motion.energy_drift[alive]
    return {
        "drift": float(drift.max()) if len(drift) else math.nan,
        "diverged": int((~alive).sum()),
        "substeps": int(motion.substeps.max()),
    }


def _curve(motion: Rollout) -> np.ndarray:
    """Energy error of the first candidate over time, relative to the energy exchanged."""
    trajectories = motion.trajectories
    total = (trajectories.kinetic_energy + trajectories.potential_energy)[0].double()
    exchanged = torch.maximum(
        trajectories.kinetic_energy[0].double().amax(),
        (trajectories.potential_energy[0] - trajectories.potential_energy[0, 0]).double().abs().amax(),
    )
    return ((total - total[0]) / exchanged.clamp_min(1e-12)).numpy()


def _momentum_error(case: MotionCase, motion: Rollout) -> float:
    """Largest change of linear or angular momentum, relative to what moves at the beginning."""
    worst = 0.0
    for q, qdot in zip(motion.q, motion.qdot, strict=True):
        series = momenta(case, q, qdot)
        for part in (series[:, :3], series[:, 3:]):
            change = float((part - part[0]).norm(dim=-1).max())
            worst = max(worst, change / max(float(part[0].norm()), 1e-9))
    return worst


def _damping_error(motion: Rollout) -> float:
    """Energy lost against the work of damping, over the whole motion."""
    alive = motion.trajectories.outcome != int(Outcome.DIVERGED)
    total = (motion.kinetic_energy + motion.potential_energy).double()
    lost, work = total[:, 0] - total[:, -1], motion.dissipated[:, -1].double()
    error = ((lost - work) / work.clamp_min(1e-12)).abs()[alive]
    return float(error.max()) if len(error) else math.nan


def _impulse_error(case: MotionCase) -> float:
    """Energy gained by a strike from rest and while moving, against the work that it did."""
    system, worst = case.system, 0.0
    rows = case.model.surface.point_modes()[::97].to(case.start.q)
    still = State(case.start.q, torch.zeros_like(case.start.qdot))
    for state in (still, case.start):
        point = system.at(state)
        for row in rows:
            direction = torch.nn.functional.normalize(row.sum(-1), dim=0)
            impulse = (0.2 * direction @ row).expand(len(point.q), -1)
            struck = apply_impulse(system, point, impulse)
            gained = system.kinetic_energy(struck.point).double() - system.kinetic_energy(point).double()
            scale = torch.maximum(struck.work.double().abs(), system.kinetic_energy(point).double())
            worst = max(worst, float(((gained - struck.work.double()).abs() / scale.clamp_min(1e-9)).max()))
    return worst


def _judge_lids(configuration: EnergyEvaluation, dtype: torch.dtype) -> dict[str, dict[str, float]]:
    families = configuration.families or tuple(motion_families())
    found = {}
    for name in articulated_family_names():
        lid = lid_of(name) if name in families else None
        if lid is not None:
            judged = judge_lid(*lid, dtype=dtype, seconds=configuration.seconds)
            found[name] = {"angular_momentum_error": judged.angular_momentum, "period_error": judged.period}
    return found


def _drifts(cases: dict[str, dict[str, Any]], method: str) -> dict[str, float]:
    figures = [case["integrators"][method] for case in cases.values() if method in case["integrators"]]
    drifts = [figure["drift"] for figure in figures if math.isfinite(figure["drift"])]
    return {
        "max_drift": max(drifts, default=math.nan),
        "median_drift": float(np.median(drifts)) if drifts else math.nan,
        "diverged": float(sum(figure["diverged"] for figure in figures)),
    }


def _overall(cases: dict[str, dict[str, Any]], lids: dict[str, dict[str, float]]) -> dict[str, float]:
    def largest(values: list[float]) -> float:
        known = [value for value in values if math.isfinite(value)]
        return max(known, default=math.nan)

    drifts = _drifts(cases, DEFAULT)
    return {
        **drifts,
        "max_damping_error": largest([case.get("damping_error", math.nan) for case in cases.values()]),
        "max_impulse_error": largest([case["impulse_error"] for case in cases.values()]),
        "max_momentum_error": largest([case.get("momentum_error", math.nan) for case in cases.values()]),
        "max_lid_angular_momentum_error": largest([lid["angular_momentum_error"] for lid in lids.values()]),
        "max_lid_period_error": largest([lid["period_error"] for lid in lids.values()]),
    }
