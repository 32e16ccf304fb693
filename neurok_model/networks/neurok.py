"""The three networks of the conditional variational autoencoder, under one roof."""

from __future__ import annotations

from torch import nn

from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.decoder import Decoder
from neurok_model.networks.deformation_encoder import DeformationEncoder
from neurok_model.networks.prior_encoder import PriorEncoder


class NeurokNetworks(nn.Module):
    """Prior encoder E_cond, deformation encoder E_VAE and decoder D."""

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.prior_encoder = PriorEncoder(configuration)
        self.deformation_encoder = DeformationEncoder(configuration)
        self.decoder = Decoder(configuration)
