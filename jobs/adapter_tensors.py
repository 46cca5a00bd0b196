"""Read an adapter's tensors without torch: are they whole, finite, and trained?

A safetensors file is 8 bytes of length, that much JSON (name, dtype, shape, place), then values.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from data.cli import DataError

ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# Values are read as whole numbers of their width; the mask is of the bits of the exponent.
_FORMATS = {
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}


def check_adapter(folder: Path) -> int:
    """How many tensors a LoRA adapter has. Raises DataError for one that cannot be used."""
    path = folder / ADAPTER
    try:
        rank = int(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["r"])
        tensors = _tensors(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise DataError(f"{path}: not a LoRA adapter ({error}); pull again") from None
    if not tensors:
        raise DataError(f"{path}: holds no tensors; train again")
    for name, (shape, bits, exponent) in tensors.items():
        if ((bits & exponent) == exponent).any():
            raise DataError(f"{path}: {name} has values that are not finite; train again")
        if "lora_A" in name and shape[0] != rank:
            raise DataError(f"{path}: {name} is of rank {shape[0]}, {CONFIG} says {rank}")
    trained = [bits for name, (_, bits, _) in tensors.items() if "lora_B" in name]
    if not any(bits.any() for bits in trained):
        raise DataError(f"{path}: every lora_B is zero, so nothing was trained; train again")
    return len(tensors)


def _tensors(path: Path) -> dict[str, tuple[list[int], Any, int]]:
    """Shape, values as whole numbers, and exponent mask of each tensor."""
    import numpy as np

    content = path.read_bytes()
    (n_header,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + n_header])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        kind, exponent = _FORMATS[entry["dtype"]]
        start, end = (8 + n_header + offset for offset in entry["data_offsets"])
        values = np.frombuffer(content[start:end], dtype=kind)
        if values.size != int(np.prod(entry["shape"])):
            raise ValueError(f"{name} is cut off")
        tensors[name] = (entry["shape"], values, exponent)
    return tensors
