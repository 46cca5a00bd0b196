"""Run `python -m MODULE --help` where importing a slow library is an error."""

import runpy
import sys

SLOW = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


class _Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in SLOW:
            raise AssertionError(f"--help imports {name}")
        return None


if __name__ == "__main__":
    module = sys.argv[1]
    sys.meta_path.insert(0, _Forbid())
    sys.argv = [module, "--help"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
