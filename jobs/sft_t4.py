# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "accelerate==1.15.0",
#   "bitsandbytes==0.50.2",
#   "datasets==5.2.0",
#   "hf-xet==1.8.0",
#   "huggingface_hub==2.4.0",
#   "jinja2==3.1.6",
#   "jsonargparse[signatures]==4.53.0",
#   "jsonschema==4.26.0",
#   "matplotlib==3.11.2",
#   "numpy==2.4.6",
#   "peft==0.21.2",
#   "pyarrow==26.0.1",
#   "pyyaml==6.0.3",
#   "regex==2026.11.15",
#   "rfc3339-validator==0.1.4",
#   "torch==2.13.0",
#   "tqdm==4.70.1",
#   "transformers==5.23.0",
#   "trl==1.16.0",
# ]
# [tool.hf-jobs]
# flavor = "t4-small"
# timeout = "8h"
# name = "sft-t4"
# secrets = ["HF_TOKEN"]
# labels = {recipe = "sft-t4"}
# volumes = [
#   "./data:/bundle/code/data",
#   "./evals:/bundle/code/evals",
#   "./jobs:/bundle/code/jobs",
#   "./recipe:/bundle/code/recipe",
# ]
# ///
"""The run of jobs/sft_t4.yaml by the stock command alone, from the root of the checkout:

    hf jobs uv run jobs/sft_t4.py

The header is what the service needs to know; a test holds it to the spec. What the launcher does
beside, this does not: it checks nothing and shows no price before, ships the four packages as they
lie here, and brings nothing back. `hf download USER/qwen3-1.7b-tools-lora --revision run-ID` does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CODE = Path("/bundle/code")
SPEC = "jobs/sft_t4.yaml"


def main(code: Path = CODE) -> None:
    """Hand the spec to python -m jobs.inside as the launcher would, and become it."""
    os.chdir(code)
    sys.path.insert(0, str(code))

    from data import cli
    from jobs.uv_ticket import uv_environment

    def become() -> int:
        environment = {**os.environ, **uv_environment(Path(SPEC))}
        os.execve(sys.executable, [sys.executable, "-m", "jobs.inside"], environment)

    cli.run(become)


if __name__ == "__main__":
    main()
