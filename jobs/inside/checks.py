"""Everything that would fail later, asked in the first minute; each failure is one line."""

from __future__ import annotations

from pathlib import Path

from jobs.inside.gpu import check_gpu, gpu_facts
from jobs.inside.request import Request
from jobs.inside.rights import check_rights, check_space

# Runs the embedded model on any machine, one with GPUs included.
CPU_PRESET = "cpu"


def check_machine(request: Request, work: Path) -> int:
    """How many GPUs the run uses. Raises DataError; what makes something comes last."""
    from recipe.command_line import parse

    model = parse(request.train_arguments()).config.model
    flavor, n_gpus, seen = request.spec.flavor, 0, "no GPU asked for"
    if not flavor.startswith("cpu-") and CPU_PRESET not in request.spec.presets:
        facts = gpu_facts()
        check_gpu(facts, flavor)
        n_gpus = facts.count
        seen = f"{n_gpus} x {facts.name}, {facts.least_free_gib:.1f} GiB free"
    check_space(model, work)
    check_rights(request)
    print(f"checks passed: {seen}; results go to {request.result_repo}", flush=True)
    return n_gpus
