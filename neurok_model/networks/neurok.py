"""The networks of the conditional variational autoencoder, under one roof."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.decoder import BoundDecoder, Decoder
from neurok_model.networks.deformation_encoder import DeformationEncoder, Posterior
from neurok_model.networks.latent_mass import LatentMassEncoder
from neurok_model.networks.prior_encoder import KinematicPrior, PriorEncoder
from neurok_model.networks.reach import Reach, ReachEncoder


class NeurokNetworks(nn.Module):
    """Prior encoder E_cond, deformation encoder E_VAE, decoder D, and what tells how far coordinates reach and which of
    them to doubt.
    """

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.prior_encoder = PriorEncoder(configuration)
        self.deformation_encoder = DeformationEncoder(configuration)
        self.decoder = Decoder(configuration)
        self.reach_encoder = ReachEncoder(configuration) if configuration.reach else None
        self.latent_mass_encoder = LatentMassEncoder(configuration) if configuration.latent_mass else None

    def reach(self, prior: KinematicPrior, bound: BoundDecoder) -> Reach:
        """How far the coordinates reach; for networks that do not say, the prior N(mu_cond, I) itself."""
        if self.reach_encoder is not None:
            return self.reach_encoder(prior, bound)
        identity = torch.eye(prior.mean.shape[-1], dtype=prior.mean.dtype, device=prior.mean.device)
        return Reach(prior.mean, identity.expand(len(prior.mean), -1, -1))

    def rest_posterior(
        self, prior: KinematicPrior, points: Float[Tensor, "b n 3"], normals: Float[Tensor, "b n 3"]
    ) -> Posterior:
        """Encode the scanned pose itself, as the one deformation in which nothing moves."""
        still = torch.zeros_like(points)[:, None]
        identity = still.new_zeros(*still.shape[:-1], 8)
        identity[..., 0] = 1.0
        return self.deformation_encoder(prior, points, normals, still, identity)
