"""Where to compute."""

from __future__ import annotations

import torch

from neurok_model.errors import ErrorCode, NeurokError


def choose_device(name: str) -> torch.device:
    """Resolve "auto" (CUDA where there is one, else the CPU), "cpu" or "cuda[:index]".

    Raises:
        NeurokError: ``INVALID_PARAMETER`` for another name or a CUDA device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind == "cuda" and torch.cuda.is_available() and int(index or 0) < torch.cuda.device_count():
        return torch.device(name)
    if name == "cpu":
        return torch.device("cpu")
    raise NeurokError(
        ErrorCode.INVALID_PARAMETER,
        "device",
        name,
        f"auto, cpu, or cuda:0 to cuda:{torch.cuda.device_count() - 1}"
        if torch.cuda.is_available()
        else "auto or cpu (no CUDA device is available)",
    )


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for products of bfloat16; emulated they are many times slower than float32."""
    if device.type == "cuda":
        return True
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
