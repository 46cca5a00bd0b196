"""What was pulled is what the job trained, or it is refused."""

import hashlib
import json
import struct

import numpy as np
import pytest

from data.cli import DataError
from jobs.adapter_tensors import check_adapter
from jobs.pull import check_run

BITS = {"F32": "<f4", "F16": "<f2"}


def _write(folder, tensors, dtype="F32", cut=0):
    content, header, start = b"", {"__metadata__": {"format": "pt"}}, 0
    for name, values in tensors.items():
        data = np.asarray(values, dtype=BITS[dtype])
        end = start + data.nbytes
        header[name] = {"dtype": dtype, "shape": list(data.shape), "data_offsets": [start, end]}
        content, start = content + data.tobytes(), end
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + content
    path = folder / "adapter_model.safetensors"
    path.write_bytes(whole[: len(whole) - cut])
    (folder / "adapter_config.json").write_text('{"r": 2}')
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "run.json").write_text(json.dumps({"adapter_sha256": sha256}))
    return sha256


GOOD = {"q.lora_A.weight": [[1.0, 2.0], [3.0, 4.0]], "q.lora_B.weight": [[0.0, 0.5]]}


@pytest.mark.parametrize("dtype", ["F32", "F16"])
def test_a_trained_adapter_passes(tmp_path, dtype):
    sha256 = _write(tmp_path, GOOD, dtype)
    assert check_adapter(tmp_path) == 2
    check_run(tmp_path, sha256)
    check_run(tmp_path, None)


@pytest.mark.parametrize(
    "tensors, problem",
    [
        ({}, "holds no tensors"),
        ({**GOOD, "k.lora_B.weight": [[float("nan")]]}, "k.lora_B.weight has values that are not"),
        ({**GOOD, "k.lora_A.weight": [[float("inf")]]}, "k.lora_A.weight has values that are not"),
        ({**GOOD, "q.lora_B.weight": [[0.0, 0.0]]}, "every lora_B is zero"),
        ({**GOOD, "k.lora_A.weight": [[1.0, 2.0]]}, "is of rank 1, adapter_config.json says 2"),
    ],
)
def test_an_adapter_that_cannot_be_used_is_named(tmp_path, tensors, problem):
    _write(tmp_path, tensors)
    with pytest.raises(DataError, match=problem):
        check_run(tmp_path, None)


@pytest.mark.parametrize("cut", [1, 8, 40, 1000])
def test_an_adapter_that_is_cut_off_is_no_adapter(tmp_path, cut):
    _write(tmp_path, GOOD, cut=cut)
    with pytest.raises(DataError, match="not a LoRA adapter"):
        check_run(tmp_path, None)


def test_an_adapter_of_another_hash_than_its_job_said_is_refused(tmp_path):
    sha256 = _write(tmp_path, GOOD)
    with pytest.raises(DataError, match=r"the job's log says 00000000.*not what the job trained"):
        check_run(tmp_path, "0" * 64)
    (tmp_path / "run.json").write_text(json.dumps({"adapter_sha256": "1" * 64}))
    with pytest.raises(
        DataError, match=rf"its sha256 is {sha256[:16]}, and run.json says 11111111"
    ):
        check_run(tmp_path, sha256)


def test_a_folder_without_run_or_adapter_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"run.json"):
        check_run(tmp_path, None)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="missing in what was pulled"):
        check_run(tmp_path, None)
