"""The integration step of ``bench/routes.py`` as a kernel of NVIDIA Warp (``warp-lang``, optional), on the CPU."""

# No postponed annotations: Warp reads those of a kernel as they stand.

from collections.abc import Callable

import numpy as np
import torch
import warp as wp
from torch import Tensor

from neurok_model.mechanics import State
from neurok_model.reduction import SmoothMap


def warp_rollout(
    form: SmoothMap, state: State, steps: int, duration: float, iterations: int, stiffness: float, latent_mass: float
) -> Callable[[], Tensor]:
    """A rollout that gives the last configurations, one candidate per thread.

    Args:
        form: the map.
        state: where the candidates begin, [K, k].
        steps: how many.
        duration: of a step [s].
        iterations: corrections of the displacement in every step.
        stiffness: squared angular frequency of the elastic potential.
        latent_mass: added to the mass matrix's diagonal.
    """
    wp.config.quiet = True
    wp.init()
    k, h, r = form.dimension, len(form.bias), form.embedding_dimension
    real, half_kick = wp.float64, 0.5 * duration * stiffness
    coordinates, units, modes = (wp.types.vector(length=n, dtype=real) for n in (k, h, r))
    tangent, square = wp.types.matrix(shape=(k, r), dtype=real), wp.types.matrix(shape=(k, k), dtype=real)

    @wp.func
    def hidden_units(q: coordinates, inner: wp.array2d(dtype=real), bias: wp.array(dtype=real)):  # type: ignore[valid-type]
        result = units()
        for i in range(h):
            total = bias[i]
            for j in range(k):
                total += inner[i, j] * q[j]
            result[i] = wp.tanh(total)
        return result

    @wp.func
    def value(
        q: coordinates,  # type: ignore[valid-type]
        hidden: units,  # type: ignore[valid-type]
        outer: wp.array2d(dtype=real),  # type: ignore[valid-type]
        linear: wp.array2d(dtype=real),  # type: ignore[valid-type]
        offset: wp.array(dtype=real),  # type: ignore[valid-type]
    ):
        result = modes()
        for a in range(r):
            total = offset[a]
            for i in range(h):
                total += outer[a, i] * hidden[i]
            for j in range(k):
                total += linear[a, j] * q[j]
            result[a] = total
        return result

    @wp.func
    def tangents(
        hidden: units,  # type: ignore[valid-type]
        inner: wp.array2d(dtype=real),  # type: ignore[valid-type]
        outer: wp.array2d(dtype=real),  # type: ignore[valid-type]
        linear: wp.array2d(dtype=real),  # type: ignore[valid-type]
    ):
        result = tangent()
        for j in range(k):
            for a in range(r):
                total = linear[a, j]
                for i in range(h):
                    total += outer[a, i] * (real(1.0) - hidden[i] * hidden[i]) * inner[i, j]
                result[j, a] = total
        return result

    @wp.func
    def factor(rows: tangent):  # type: ignore[valid-type]
        lower = square()
        for i in range(k):
            for j in range(i + 1):
                total = real(0.0)
                for a in range(r):
                    total += rows[i, a] * rows[j, a]
                if i == j:
                    total += real(latent_mass)
                for c in range(j):
                    total -= lower[i, c] * lower[j, c]
                if i == j:
                    lower[i, i] = real(1.0) / wp.sqrt(total)
                else:
                    lower[i, j] = total * lower[j, j]
        return lower

    @wp.func
    def solved(lower: square, right: coordinates):  # type: ignore[valid-type]
        found = coordinates()
        for i in range(k):
            total = right[i]
            for j in range(i):
                total -= lower[i, j] * found[j]
            found[i] = total * lower[i, i]
        for back in range(k):
            i = k - 1 - back
            total = found[i]
            for j in range(i + 1, k):
                total -= lower[j, i] * found[j]
            found[i] = total * lower[i, i]
        return found

    @wp.kernel
    def roll(
        inner: wp.array2d(dtype=real),  # type: ignore[valid-type]
        bias: wp.array(dtype=real),  # type: ignore[valid-type]
        outer: wp.array2d(dtype=real),  # type: ignore[valid-type]
        linear: wp.array2d(dtype=real),  # type: ignore[valid-type]
        offset: wp.array(dtype=real),  # type: ignore[valid-type]
        begin: wp.array2d(dtype=real),  # type: ignore[valid-type]
        speeds: wp.array2d(dtype=real),  # type: ignore[valid-type]
        count: int,
        end: wp.array2d(dtype=real),  # type: ignore[valid-type]
    ):
        candidate = wp.tid()
        h_step, epsilon = real(duration), real(latent_mass)
        half = real(half_kick)
        q, qdot = coordinates(), coordinates()
        for i in range(k):
            q[i] = begin[candidate, i]
            qdot[i] = speeds[candidate, i]
        hidden = hidden_units(q, inner, bias)
        y = value(q, hidden, outer, linear, offset)
        rows = tangents(hidden, inner, outer, linear)
        lower = factor(rows)
        for _step in range(count):
            wanted = h_step * (rows * (wp.transpose(rows) * qdot - half * y) + epsilon * qdot)
            change = solved(lower, wanted)
            for _iteration in range(iterations):
                moved = value(q + change, hidden_units(q + change, inner, bias), outer, linear, offset) - y
                change += solved(lower, wanted - rows * moved - epsilon * change)
            q += change
            hidden = hidden_units(q, inner, bias)
            after = value(q, hidden, outer, linear, offset)
            moved = after - y
            y = after
            rows = tangents(hidden, inner, outer, linear)
            lower = factor(rows)
            qdot = solved(lower, rows * (moved / h_step - half * y) + epsilon * change / h_step)
        for i in range(k):
            end[candidate, i] = q[i]

    offset = -form.outer @ torch.tanh(form.bias)
    arrays = [
        wp.array(np.ascontiguousarray(each.numpy()), dtype=real, device="cpu")
        for each in (form.inner, form.bias, form.outer, form.linear, offset, state.q, state.qdot)
    ]
    end = wp.zeros(tuple(state.q.shape), dtype=real, device="cpu")

    def run() -> Tensor:
        wp.launch(roll, dim=len(state.q), inputs=[*arrays, steps], outputs=[end], device="cpu")
        return torch.from_numpy(end.numpy().copy())

    return run
