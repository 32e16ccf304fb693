"""The optimisers of a run behind one interface: AdamW alone, or Muon for hidden weight matrices beside AdamW.

Muon (Jordan et al., 2024) replaces each matrix' momentum by its nearest semi-orthogonal matrix. It is meant for the
matrices inside transformer blocks; embeddings, learned tokens, biases, gains and output layers stay with AdamW. Its
step is scaled to the usual size of AdamW's (0.2 sqrt(max(rows, columns)), Liu et al., "Muon is scalable for LLM
training", 2025), so that learning rates of both mean the same; Muon bears larger ones.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from neurok_model.errors import ErrorCode, NeurokError
from neurok_model.networks import blocks
from neurok_model.training.muon import Muon

OptimiserName = Literal["adamw", "muon"]

BETAS = (0.9, 0.98)
"""Decays of AdamW's moments."""
MUON_MOMENTUM = 0.95


class Optimisers:
    """Several optimisers that share the parameters of one network among them.

    Args:
        networks: the network that owns every parameter; its names identify them in the saved state.
        optimisers: optimisers by name; every trainable parameter belongs to exactly one.

    Raises:
        ValueError: when a trainable parameter belongs to none or to several.
    """

    def __init__(self, networks: nn.Module, optimisers: dict[str, torch.optim.Optimizer]) -> None:
        self.optimisers = optimisers
        self._peaks = {name: [group["lr"] for group in one.param_groups] for name, one in optimisers.items()}
        self._name_of: dict[Tensor, str] = {parameter: name for name, parameter in networks.named_parameters()}
        owned = [
            parameter for one in optimisers.values() for group in one.param_groups for parameter in group["params"]
        ]
        trainable = [parameter for parameter in networks.parameters() if parameter.requires_grad]
        if len(owned) != len(set(owned)) or set(owned) != set(trainable):
            raise ValueError("every trainable parameter must belong to exactly one optimiser")

    def set_learning_rate(self, factor: float) -> None:
        """Set every optimiser's learning rate to ``factor`` times its peak."""
        for name, optimiser in self.optimisers.items():
            for group, peak in zip(optimiser.param_groups, self._peaks[name], strict=True):
                group["lr"] = peak * factor

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimiser in self.optimisers.values():
            optimiser.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Let every optimiser move its parameters."""
        for optimiser in self.optimisers.values():
            optimiser.step()

    def state(self) -> dict[str, Tensor]:
        """Moments and counters under ``OPTIMISER/PARAMETER/MOMENT``; what :meth:`load_state` reads."""
        return {
            f"{kind}/{self._name_of[parameter]}/{moment}": torch.as_tensor(value)
            for kind, optimiser in self.optimisers.items()
            for parameter, moments in optimiser.state.items()
            for moment, value in moments.items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue exactly where :meth:`state` was taken.

        Raises:
            NeurokError: ``INVALID_CHECKPOINT`` when the state is of other optimisers or of other networks.
        """
        moments: dict[str, dict[str, dict[str, Tensor]]] = {kind: {} for kind in self.optimisers}
        for key, value in state.items():
            kind, name, moment = key.split("/")
            moments.setdefault(kind, {}).setdefault(name, {})[moment] = value
        names = {
            kind: [self._name_of[parameter] for group in one.param_groups for parameter in group["params"]]
            for kind, one in self.optimisers.items()
        }
        for kind, of_parameters in moments.items():
            strange = sorted(set(of_parameters) - set(names.get(kind, ())))
            if strange:
                raise NeurokError(
                    ErrorCode.INVALID_CHECKPOINT,
                    "state",
                    f"moments of {kind} for {', '.join(strange)}",
                    f"moments of {' and '.join(self.optimisers)} for the parameters of these networks",
                )
        for kind, optimiser in self.optimisers.items():
            # Parameter groups hold settings, not progress: they come from the configuration.
            optimiser.load_state_dict(
                {
                    "state": {
                        index: moments[kind][name] for index, name in enumerate(names[kind]) if name in moments[kind]
                    },
                    "param_groups": optimiser.state_dict()["param_groups"],
                }
            )


def make_optimisers(
    networks: nn.Module, kind: str, learning_rate: float, weight_decay: float, muon_learning_rate: float
) -> Optimisers:
    """Choose an optimiser for every trainable parameter.

    Args:
        networks: what is trained; already on its device.
        kind: "adamw" for all parameters, or "muon" for those of :func:`hidden_matrices` and AdamW for the others.
        learning_rate: peak learning rate of AdamW.
        weight_decay: decoupled weight decay of both; a step shrinks weights by its product with the learning rate.
        muon_learning_rate: peak learning rate of Muon.

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for another name.
    """
    if kind not in ("adamw", "muon"):
        raise NeurokError(ErrorCode.INVALID_PARAMETER, "optimiser", kind, "adamw or muon")
    hidden = hidden_matrices(networks) if kind == "muon" else []
    others = [one for one in networks.parameters() if one.requires_grad and not any(one is other for other in hidden)]
    optimisers: dict[str, torch.optim.Optimizer] = {
        "adamw": torch.optim.AdamW(others, lr=learning_rate, weight_decay=weight_decay, betas=BETAS)
    }
    if hidden:
        optimisers["muon"] = Muon(hidden, muon_learning_rate, weight_decay, MUON_MOMENTUM)
    return Optimisers(networks, optimisers)


def hidden_matrices(networks: nn.Module) -> list[Tensor]:
    """Weights of the linear layers inside transformer blocks (everything that ``networks/blocks.py`` builds).

    Learned tokens are matrices too, but embeddings: their rows are looked up, not multiplied.
    """
    linear = {
        layer: None
        for module in networks.modules()
        if type(module).__module__ == blocks.__name__
        for layer in module.modules()
        if isinstance(layer, nn.Linear) and layer.weight.requires_grad
    }
    return [layer.weight for layer in linear]
