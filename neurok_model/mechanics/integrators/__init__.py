"""Integrators of the equation of motion, one method per file, by name."""

from neurok_model.mechanics.integrators.adaptive import DormandPrince5
from neurok_model.mechanics.integrators.base import Integrator, Step
from neurok_model.mechanics.integrators.implicit_midpoint import ImplicitMidpoint
from neurok_model.mechanics.integrators.runge_kutta import RungeKutta4
from neurok_model.mechanics.integrators.variational import Variational

INTEGRATORS: dict[str, type[Integrator]] = {
    method.name: method for method in (Variational, ImplicitMidpoint, RungeKutta4, DormandPrince5)
}

__all__ = [
    "INTEGRATORS",
    "DormandPrince5",
    "ImplicitMidpoint",
    "Integrator",
    "RungeKutta4",
    "Step",
    "Variational",
]
