"""The machine that a run finds, and the presets that fit it."""

from __future__ import annotations

import re
from typing import NamedTuple

GIB = 2**30
# By a word of the GPU's name: "Tesla T4", "NVIDIA A100-SXM4-80GB".
_BY_NAME = {
    "T4": "t4",
    "L40": "l4",
    "L4": "l4",
    "A10G": "a10g",
    "A10": "a10g",
    "A100": "a100",
    "H100": "h200",
    "H200": "h200",
}
SMALL_GIB = 12


class Picked(NamedTuple):
    """Presets and why they were picked."""

    presets: tuple[str, ...]
    why: str


def device_name() -> str:
    """The GPU's name, or `cpu`."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"


def pick_presets() -> Picked:
    """The presets for this machine: the embedded model without a GPU, the recipe with one."""
    import torch

    if not torch.cuda.is_available():
        return Picked(("cpu",), "no GPU here, so the embedded model")
    name, memory_gib = device_name(), torch.cuda.get_device_properties(0).total_memory / GIB
    capability = torch.cuda.get_device_capability()
    why = f"{name}, {memory_gib:.0f} GiB, compute capability {capability[0]}.{capability[1]}"
    return Picked(presets_for(name, memory_gib, capability), why)


def presets_for(name: str, memory_gib: float, capability: tuple[int, int]) -> tuple[str, ...]:
    """The presets for a GPU; one that is not known gets those of the nearest known kind."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    known = next((preset for model, preset in _BY_NAME.items() if model in words), None)
    preset = known or ("l4" if capability >= (8, 0) else "t4")
    return (preset, "memory_constrained") if memory_gib < SMALL_GIB else (preset,)
