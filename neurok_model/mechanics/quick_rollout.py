"""From pushes and strikes to motion in plain arrays, for objects that machine code can move: the usual prediction.

A rollout of half a second is a tenth of a millisecond of machine code; tensors made and read for it would take three
times as long. Everything that is computed is what ``rollout`` computes, by the same functions; whatever is not usual
(grasps, obstacles, gradients, other integrators, a motion whose energy does not balance at once) goes there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from neurok_model.mechanics import fast_path
from neurok_model.mechanics.actions import NEVER, Actions, PointLoads
from neurok_model.mechanics.array_rollout import SPARE_ROWS, initial_states, layout_of, residuals_of, roll_arrays
from neurok_model.mechanics.contacts import Contact, Impulse, Push, contact_points
from neurok_model.mechanics.integrators import Variational
from neurok_model.mechanics.kernel_arrays import Loads, laid_out
from neurok_model.mechanics.motion import Motion
from neurok_model.mechanics.outcome import Outcome
from neurok_model.mechanics.rollout import RolloutSettings, frame_refinement, initial_substeps, rollout
from neurok_model.mechanics.system import LagrangianSystem, State

RowsAt = Callable[[Float[np.ndarray, "p 3"]], Float[np.ndarray, "p 3 r"]]
"""Gives the modes Phi at surface points [m], as the object stands when the prediction starts."""


def takes(
    system: LagrangianSystem, candidates: Sequence[Sequence[Contact]], settings: RolloutSettings | None = None
) -> bool:
    """Whether ``quick_rollout`` can predict this."""
    if settings is not None and (settings.backend == "reference" or type(settings.integrator) is not Variational):
        return False
    if any(type(contact) not in (Push, Impulse) for contacts in candidates for contact in contacts):
        return False
    return fast_path.refusal_of_system(system) is None and fast_path.available()


class PlacedContacts:
    """Pushes and strikes of K candidates with the modes at their points, in plain arrays.

    Args:
        candidates: the contacts of each; nothing but pushes and strikes.
        rows_at: modes at the contacts.
        embedding_dimension: r.
    """

    def __init__(self, candidates: Sequence[Sequence[Contact]], rows_at: RowsAt, embedding_dimension: int) -> None:
        self.count, self._width = len(candidates), embedding_dimension
        flat = [contact for contacts in candidates for contact in contacts]
        modes = np.zeros((0, 3, embedding_dimension))
        if flat:
            modes = rows_at(np.concatenate([contact_points(contact) for contact in flat]))
        self.impulses = self._of_kind(Impulse, candidates, modes)
        self.pushes = self._of_kind(Push, candidates, modes)

    def _of_kind(
        self,
        kind: type[Impulse] | type[Push],
        candidates: Sequence[Sequence[Contact]],
        modes: Float[np.ndarray, "p 3 r"],
    ) -> Loads | None:
        """One kind of contact; where candidates have unequally many, padded with such as never begin."""
        vectors, times, owners, slots, places = [], [], [], [], []
        place = 0
        for owner, contacts in enumerate(candidates):
            slot = 0
            for contact in contacts:
                if type(contact) is kind:
                    lasting = contact.duration if isinstance(contact, Push) else 0.0
                    vectors.append(contact.force if isinstance(contact, Push) else contact.impulse)
                    times.append((contact.start, contact.start + lasting))
                    owners.append(owner)
                    slots.append(slot)
                    places.append(place)
                    slot += 1
                place += 1
        if not vectors:
            return None
        if len(vectors) == self.count == len(modes) and not any(slots):
            return modes[:, None], np.array(vectors)[:, None], np.array(times)[:, None]
        width = 1 + max(slots)
        all_modes = np.zeros((self.count, width, 3, self._width))
        all_vectors, all_times = np.zeros((self.count, width, 3)), np.full((self.count, width, 2), NEVER)
        all_modes[owners, slots], all_vectors[owners, slots] = modes[places], vectors
        all_times[owners, slots] = times
        return all_modes, all_vectors, all_times

    def impulse_of_each(self) -> tuple[Float[np.ndarray, "K c 3 r"], Float[np.ndarray, "K c 3"]] | None:
        """Modes and whole impulses [N s] of all contacts, strikes first; None where there is no contact."""
        parts = [] if self.impulses is None else [self.impulses[:2]]
        if self.pushes is not None:
            modes, forces, times = self.pushes
            parts.append((modes, forces * (times[..., 1] - times[..., 0])[..., None]))
        if len(parts) < 2:
            return parts[0] if parts else None
        return np.concatenate([part[0] for part in parts], axis=1), np.concatenate([part[1] for part in parts], axis=1)

    def actions(self) -> Actions:
        """The same contacts for ``rollout``."""
        return Actions(self.count, _as_tensors(self.impulses), _as_tensors(self.pushes))


def quick_rollout(
    system: LagrangianSystem,
    q: Float[np.ndarray, " k"],
    qdot: Float[np.ndarray, " k"],
    contacts: PlacedContacts,
    *,
    steps: int,
    step: float,
    settings: RolloutSettings | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Motion:
    """As ``rollout``, from one state, for a system and contacts that ``takes`` has approved of.

    Args:
        system: the object's mechanics.
        q: where all candidates start.
        qdot: their velocities there [1/s].
        contacts: of every candidate.
        steps: recorded steps.
        step: time between recorded states [s].
        settings: how to integrate.
        cancelled: see ``rollout``.
    """
    settings = settings or RolloutSettings()
    if settings.maximum_refinements == 0:
        settings = replace(settings, frame_halvings=0)
    assert isinstance(settings.integrator, Variational)
    layout = layout_of(system)
    states = initial_states(layout, q, qdot, contacts.count)
    whole = contacts.impulse_of_each()
    residual = np.zeros(contacts.count)
    if whole is not None:
        residual = residuals_of(layout, states[: contacts.count], *whole)
    substeps = initial_substeps(system, step, settings)
    rolled = roll_arrays(
        layout,
        states,
        laid_out(contacts.impulses, contacts.count + SPARE_ROWS, layout.embedding_dimension),
        laid_out(contacts.pushes, contacts.count + SPARE_ROWS, layout.embedding_dimension),
        steps=steps,
        step=step,
        substeps=substeps,
        integrator=settings.integrator,
        refinement=frame_refinement(substeps, settings),
        cancelled=cancelled,
    )
    allowed = min(settings.drift_tolerance, settings.unstable_drift)
    if not bool((rolled.drift <= allowed).all()) or bool((rolled.outcome == int(Outcome.DIVERGED)).any()):
        state = State(torch.from_numpy(np.asarray(q)), torch.from_numpy(np.asarray(qdot)))
        attempt = fast_path.trajectories_of(rolled)
        return Motion.of(
            rollout(
                system,
                state,
                contacts.actions(),
                steps * step,
                step,
                settings=settings,
                cancelled=cancelled,
                attempt=attempt,
            )
        )
    k, series = layout.dimension, rolled.series
    return Motion(
        times=np.arange(steps + 1) * step,
        q=series[..., :k],
        qdot=series[..., k : 2 * k],
        kinetic_energy=series[..., 2 * k + 2],
        potential_energy=series[..., 2 * k + 3],
        work=series[..., 2 * k],
        dissipated=series[..., 2 * k + 1],
        outcome=rolled.outcome,
        energy_drift=rolled.drift,
        residual=residual,
    )


def _as_tensors(loads: Loads | None) -> PointLoads | None:
    if loads is None:
        return None
    modes, vectors, times = (torch.from_numpy(np.ascontiguousarray(array)) for array in loads)
    return PointLoads(modes, vectors, times[..., 0], times[..., 1])
