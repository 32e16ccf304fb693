"""The compiled object: its smooth map, its modes, its prior, and what is known of its error."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neurok_model.reduction.active_subspace import ActiveSubspace, Displacement
from neurok_model.reduction.region import PriorRegion
from neurok_model.reduction.smooth_map import SmoothMap

MODE_SNAPSHOTS = 4
"""Configurations for each mode at which the modes of other points are found."""

FEWEST_SNAPSHOTS, MOST_SNAPSHOTS = 32, 128

CHUNK_NUMBERS = 2**21
"""Points times latents that are decoded together, which bounds the memory."""


class CompiledMap(SmoothMap):
    """y(q) of one object: F(q) = X0 + Phi y(q).

    Args:
        form: the fitted map.
        modes: [n, 3, r], Phi at the surface points, orthonormal in the mass inner product.
        mass_moment: [3, r], sum_i m_i Phi_i.
        region: the prior over q.
        subspace: directions of the latent that q moves along.
        rest_latent: [k], latent of the scanned pose.
        latent_mass: [k_q, k_q], inertia that the networks lend to coordinates they are unsure of, kg m^2 for the mass
            of the modes.
        sampled_radius: distance from the prior's mean, in standard deviations, up to which the map was fitted.
        snapshot_q: [s, k_q], configurations that the map was fitted to.
        snapshot_y: [s, r], the decoder's own embedding coordinates there.
        relative_error: root-mean-square error of F(q) against the decoder on fresh configurations of the
            region, as a share of the root-mean-square motion.
        value_error_metres: the same in metres.
        derivative_error: error of dF/dq on fresh configurations, as a share of its own size.
    """

    def __init__(
        self,
        form: SmoothMap,
        *,
        modes: Float[Tensor, "n 3 r"],
        mass_moment: Float[Tensor, "3 r"],
        region: PriorRegion,
        latent_mass: Float[Tensor, "q q"],
        sampled_radius: float,
        subspace: ActiveSubspace,
        rest_latent: Float[Tensor, " k"],
        snapshot_q: Float[Tensor, "s q"],
        snapshot_y: Float[Tensor, "s r"],
        relative_error: float,
        value_error_metres: float,
        derivative_error: float,
    ) -> None:
        super().__init__(form.inner, form.bias, form.outer, form.linear)
        self.modes, self.mass_moment = modes, mass_moment
        self.region, self.sampled_radius = region, sampled_radius
        self.latent_mass = latent_mass
        self.subspace, self.rest_latent = subspace, rest_latent
        self.snapshot_q, self.snapshot_y = snapshot_q, snapshot_y
        self.relative_error = relative_error
        self.value_error_metres = value_error_metres
        self.derivative_error = derivative_error

    def turned(self, rotation: Float[Tensor, "3 3"]) -> CompiledMap:
        """The same map with its modes in another frame: x -> R x for every displacement x."""
        rotation = rotation.to(self.modes)
        tensors = self.to_dictionary()
        tensors["modes"] = torch.einsum("dc,ncr->ndr", rotation, self.modes)
        tensors["mass_moment"] = rotation @ self.mass_moment
        return CompiledMap.from_dictionary(tensors)

    def on(self, device: torch.device | str) -> CompiledMap:
        """The same map on another device."""
        return CompiledMap.from_dictionary({name: each.to(device) for name, each in self.to_dictionary().items()})

    def latents(self, q: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch k"]:
        """Z = z_rest + A q."""
        return self.rest_latent + q @ self.subspace.basis.mT

    def modes_at(self, displacement: Displacement) -> Float[Tensor, "v 3 r"]:
        """Phi at other points, by least squares over the snapshots.

        Args:
            displacement: the decoder at those points, in metres.
        """
        count = min(max(MODE_SNAPSHOTS * self.embedding_dimension, FEWEST_SNAPSHOTS), MOST_SNAPSHOTS)
        q, y = self.snapshot_q[:count], self.snapshot_y[:count]
        projector = torch.linalg.pinv(y.double(), rtol=1e-6).to(y)
        rest = displacement(self.rest_latent[None])
        chunk = min(max(CHUNK_NUMBERS // rest.shape[1], 1), 16)
        total = rest.new_zeros(*rest.shape[1:], self.embedding_dimension)
        for some, columns in zip(q.split(chunk), projector.mT.split(chunk), strict=True):
            total += torch.einsum("bnc,br->ncr", displacement(self.latents(some)) - rest, columns)
        return total

    def to_dictionary(self) -> dict[str, Tensor]:
        """Everything as tensors, for storage (safetensors)."""
        region = self.region
        return {
            "inner": self.inner,
            "bias": self.bias,
            "outer": self.outer,
            "linear": self.linear,
            "modes": self.modes,
            "mass_moment": self.mass_moment,
            "latent_mass": self.latent_mass,
            "region_mean": region.mean,
            "region_precision": region.precision,
            "prior_mean": region.mean if region.prior_mean is None else region.prior_mean,
            "prior_precision": region.precision if region.prior_precision is None else region.prior_precision,
            "basis": self.subspace.basis,
            "spectrum": self.subspace.spectrum,
            "rest_latent": self.rest_latent,
            "snapshot_q": self.snapshot_q,
            "snapshot_y": self.snapshot_y,
            "scalars": torch.tensor(
                [
                    region.radius,
                    self.sampled_radius,
                    self.subspace.captured,
                    self.relative_error,
                    self.value_error_metres,
                    self.derivative_error,
                ],
                dtype=torch.float64,
            ),
        }

    @classmethod
    def from_dictionary(cls, tensors: dict[str, Tensor]) -> CompiledMap:
        """Rebuild what ``to_dictionary`` gave.

        Raises:
            KeyError: for a missing tensor.
        """
        radius, sampled_radius, captured, relative_error, error_metres, derivative_error = tensors["scalars"].tolist()
        return cls(
            SmoothMap(tensors["inner"], tensors["bias"], tensors["outer"], tensors["linear"]),
            modes=tensors["modes"],
            mass_moment=tensors["mass_moment"],
            region=PriorRegion(
                tensors["region_mean"],
                tensors["region_precision"],
                radius,
                tensors["prior_mean"],
                tensors["prior_precision"],
            ),
            latent_mass=tensors["latent_mass"],
            sampled_radius=sampled_radius,
            subspace=ActiveSubspace(tensors["basis"], tensors["spectrum"], captured),
            rest_latent=tensors["rest_latent"],
            snapshot_q=tensors["snapshot_q"],
            snapshot_y=tensors["snapshot_y"],
            relative_error=relative_error,
            value_error_metres=error_metres,
            derivative_error=derivative_error,
        )
