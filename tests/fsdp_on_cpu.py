"""recipe.train with FSDP between CPU processes, which accelerate offers to GPUs alone.

torchrun --nproc_per_node 2 tests/fsdp_on_cpu.py RECIPE_TRAIN_FLAGS...
"""

import os
import sys

import yaml
from accelerate import state
from accelerate.utils import DistributedType
from conftest import ROOT

from recipe.train import main

CONFIG = ROOT / "recipe" / "accelerate" / "fsdp.yaml"
join_group = state.PartialState.__init__


def join_as_if_on_gpus(self, *args, **kwargs) -> None:
    join_group(self, *args, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


if __name__ == "__main__":
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["fsdp_config"]
    # What `accelerate launch` tells its processes.
    os.environ |= {name.upper(): str(value).lower() for name, value in settings.items()}
    os.environ |= {
        name: settings[name.lower()] for name in ("FSDP_AUTO_WRAP_POLICY", "FSDP_STATE_DICT_TYPE")
    }
    os.environ["ACCELERATE_USE_FSDP"] = "true"
    state.PartialState.__init__ = join_as_if_on_gpus
    sys.exit(main(sys.argv[1:]))
