"""The machines that can be rented, from flavors.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from data.cli import UserError

FILE = Path(__file__).parent / "flavors.yaml"


@dataclass(frozen=True)
class Flavor:
    """A machine. Figures of one GPU: GiB as CUDA reports them, published dense TFLOPS, GB/s."""

    name: str
    gpu: str
    count: int
    memory_gib: float
    capability: float
    fp32_tflops: float
    fp16_tflops: float
    bf16_tflops: float | None
    bandwidth_gb_s: float
    dollars_per_hour: float

    def precision(self, asked: str) -> str | None:
        """What `auto` means here, or what was asked; None where the GPU has no units for it."""
        if asked == "auto":
            return "bf16" if self.bf16_tflops else "fp16"
        return None if asked == "bf16" and not self.bf16_tflops else asked

    def tflops(self, precision: str) -> float:
        """Published dense TFLOPS in a precision that the GPU has."""
        return float(getattr(self, f"{precision}_tflops"))


@cache
def flavors() -> dict[str, Flavor]:
    """All flavors by name, in the order of the file."""
    rows = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Flavor(name, **row) for name, row in rows.items()}


def flavor_named(name: str) -> Flavor:
    """One flavor. Raises UserError for a name that is not in the file."""
    if name not in flavors():
        raise UserError(f"--flavor {name}: not known; flavors: {', '.join(flavors())}")
    return flavors()[name]
