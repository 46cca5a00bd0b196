"""Can torch compute on the job's GPUs? Asked in a process of its own, which leaves their memory.

python -m jobs.inside.gpu    # one line of JSON
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass

from data.cli import DataError

GIB = 2**30
# What the driver and an idle context take of a GPU that nobody else uses.
MOST_TAKEN = 0.15
_BUILT_FOR = re.compile(r"(?P<kind>sm|compute)_(?P<digits>\d+)(?P<only_this>[a-z]?)")


@dataclass(frozen=True)
class GpuFacts:
    """What torch says of the GPUs; they are all of one kind."""

    torch: str
    count: int
    name: str = ""
    capability: tuple[int, int] = (0, 0)
    built_for: tuple[str, ...] = ()
    """torch.cuda.get_arch_list(): sm_75, compute_90, ..."""
    least_free_gib: float = 0.0
    """On the GPU with the least."""
    total_gib: float = 0.0


def gpu_facts() -> GpuFacts:
    """Ask torch, in another process. Raises DataError where torch cannot be imported."""
    done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise DataError(f"torch cannot be used: {lines[-1]}; choose another image")
    values = json.loads(done.stdout.splitlines()[-1])
    lists = {key: tuple(values[key]) for key in ("capability", "built_for")}
    return GpuFacts(**{**values, **lists})


def check_gpu(facts: GpuFacts, flavor: str) -> None:
    """Raises DataError, one line, for GPUs that training cannot use."""
    if not facts.count:
        raise DataError(
            f"flavor {flavor}: torch {facts.torch} sees no GPU; choose an image whose torch is "
            "built for CUDA"
        )
    if not runs_on(facts.built_for, facts.capability):
        asked = "sm_{}{}".format(*facts.capability)
        raise DataError(
            f"{facts.name} is {asked}, and torch {facts.torch} is built for "
            f"{', '.join(facts.built_for) or 'nothing'}; choose an image with {asked}"
        )
    if facts.least_free_gib < (1 - MOST_TAKEN) * facts.total_gib:
        raise DataError(
            f"{facts.name}: {facts.least_free_gib:.1f} of {facts.total_gib:.1f} GiB are free, so "
            "something else runs on it; submit the job again"
        )


def runs_on(built_for: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Whether a build has code for a GPU.

    sm_80 runs on 8.0 and later 8.x, sm_90a on 9.0 alone; compute_80 is compiled on the machine for
    8.0 and all later ones.
    """
    for entry in built_for:
        found = _BUILT_FOR.fullmatch(entry)
        if found is None:
            continue
        of = (int(found["digits"][:-1]), int(found["digits"][-1]))
        same = of == capability
        later = capability > of if found["kind"] == "compute" else capability[0] == of[0]
        if same or (later and capability > of and not found["only_this"]):
            return True
    return False


def _ask() -> GpuFacts:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        return GpuFacts(torch.__version__, 0)
    memory = [torch.cuda.mem_get_info(index) for index in range(count)]
    return GpuFacts(
        torch=torch.__version__,
        count=count,
        name=torch.cuda.get_device_name(0),
        capability=torch.cuda.get_device_capability(0),
        built_for=tuple(torch.cuda.get_arch_list()),
        least_free_gib=min(free for free, _ in memory) / GIB,
        total_gib=min(total for _, total in memory) / GIB,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_ask())))
