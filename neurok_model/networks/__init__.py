"""The networks: prior encoder, deformation encoder, and a decoder with two heads."""

from neurok_model.networks.checkpoint import load_checkpoint, save_checkpoint
from neurok_model.networks.configuration import NetworkConfiguration
from neurok_model.networks.decoder import BoundDecoder
from neurok_model.networks.deformation_encoder import Posterior
from neurok_model.networks.neurok import NeurokNetworks
from neurok_model.networks.prior_encoder import KinematicPrior

__all__ = [
    "BoundDecoder",
    "KinematicPrior",
    "NetworkConfiguration",
    "NeurokNetworks",
    "Posterior",
    "load_checkpoint",
    "save_checkpoint",
]
