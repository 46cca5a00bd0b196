"""data.validate: every code by its example files, the command, and no crash on anything."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from data import cli
from data.checks import engines
from data.checks.checker import Checker, Options, RawLine
from data.checks.kinds import _is_given
from data.checks.obvious import is_obviously_valid
from data.checks.rules import RULES
from data.checks.scan import lines_from
from data.domains import load_catalogue
from data.validate import main

ROOT = Path(__file__).parents[1]
CASES = Path(__file__).parent / "cases"
REAL = ROOT.parent / "shared" / "real"
mutated_lines = runpy.run_path(str(ROOT / "benchmarks" / "validate_fuzz.py"))["mutated_lines"]
EMBEDDED = ROOT / "data" / "embedded_model"
INVALID = sorted((CASES / "invalid").glob("*.jsonl"))
VALID = sorted((CASES / "valid").glob("*.jsonl"))
FLAGS = {
    "leak_exact": ["--against", str(CASES / "against.jsonl")],
    "leak_near": ["--against", str(CASES / "against.jsonl")],
    "tokens_over": ["--tokenizer", str(EMBEDDED)],
    "line_too_long": ["--max-line-bytes", "8192"],
}


def findings_of(
    path: Path, capsys: pytest.CaptureFixture[str], *flags: str
) -> list[dict[str, Any]]:
    main([str(path), "--format", "json", *flags])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_found_by_its_code(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings_of(path, capsys, *FLAGS.get(path.stem, []))
    assert path.stem in {entry["code"] for entry in found}
    assert all(entry["severity"] == RULES[entry["code"]].severity for entry in found)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_has_no_finding(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings_of(path, capsys, *FLAGS.get(path.stem, [])) == []


def test_every_code_has_an_invalid_and_a_valid_example_and_is_documented() -> None:
    table = (ROOT / "docs" / "validator.md").read_text(encoding="utf-8")
    documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert {path.stem for path in INVALID} == {path.stem for path in VALID} == set(RULES)
    assert documented == set(RULES)


def test_all_problems_of_a_line_are_reported_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = '{"jsonrpc":"1.0","id":true,"method":"x","params":{"name":"t","arguments":{"n":"a"}}}'
    tool = {
        "name": "t",
        "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    }
    row = {"kind": "x", "tools": [tool], "messages": [{"role": "user", "content": " "}]}
    row["messages"].append({"role": "assistant", "content": call})
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(row) + "\n")
    codes = {entry["code"] for entry in findings_of(path, capsys)}
    assert codes >= {
        "field_missing",
        "kind_unknown",
        "content_empty",
        "tool_description",
        "rpc_version",
        "rpc_id",
        "rpc_method",
        "argument_invalid",
    }


def test_a_broken_line_never_hides_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (CASES / "valid" / "kind_no_call.jsonl").read_bytes()
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"{broken\n" + good + b"[1]\r\n\xff\xfe\nnull")
    lines = {(entry["line"], entry["code"]) for entry in findings_of(path, capsys)}
    assert lines == {
        (1, "json_invalid"),
        (3, "record_type"),
        (4, "encoding_utf8"),
        (4, "json_invalid"),
        (5, "record_type"),
    }


def test_text_findings_have_place_code_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    path = CASES / "invalid" / "call_unknown_tool.jsonl"
    assert main([str(path)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        f"{path}:1::/messages/1/content: error call_unknown_tool: 'get_wether'; "
        "tools here: get_weather; offer it or call another"
    )


def test_warnings_alone_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CASES / "invalid" / "argument_undeclared.jsonl")]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bogus", "absent.jsonl"], "unrecognized arguments: --bogus"),
        ([], "required: FILE"),
        (["absent.jsonl"], "absent.jsonl: no such file"),
        (["."], ".: not a file"),
        (["README", "--max-length", "0"], "README: no such file"),
        ([str(INVALID[0]), "--max-length", "0"], "--max-length 0"),
        ([str(INVALID[0]), "--fix", str(INVALID[0])], "is an input"),
        ([str(INVALID[0]), str(INVALID[1]), "--fix", "out"], "one FILE at a time"),
        ([str(INVALID[0]), "--tokenizer", "./absent"], "--tokenizer ./absent"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], said: str) -> None:
    with pytest.raises(cli.UserError) as caught:
        main(arguments)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_shipped_dataset_has_no_errors_and_no_leaks(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("validation", "test_seen", "test_unseen"):
        path = str(dataset / f"{split}.jsonl")
        code = main([path, "--against", str(dataset / "train.jsonl"), "--tokenizer", str(EMBEDDED)])
        assert code == 0, capsys.readouterr().out


def test_the_fast_way_reads_what_json_reads(dataset: Path) -> None:
    checker = Checker(Options())
    for raw in (dataset / "train.jsonl").read_bytes().splitlines():
        for text in (raw, json.dumps(json.loads(raw), separators=(",", ":")).encode()):
            line, _ = checker.problems(RawLine(1, 0, text), prints_only=True)
            assert line.row == json.loads(raw)
            assert [entry.definition for entry in line.tools] == line.row["tools"]


@pytest.mark.parametrize(
    ("default", "code"),
    [
        ('{"a": 1, "a": 1}', "json_duplicate_key"),
        ("NaN", "json_not_finite"),
        ("1e999", "json_not_finite"),
        ('"\\ud800"', "json_surrogate"),
        ("[" * 70 + "]" * 70, "json_too_deep"),
    ],
)
def test_what_is_wrong_in_the_text_of_a_tool_is_found(
    dataset: Path, default: str, code: str
) -> None:
    with open(dataset / "train.jsonl", encoding="utf-8") as lines:
        line = next(line for line in lines if '"inputSchema": {"type"' in line).strip()
    spoilt = line.replace('"inputSchema": {', f'"inputSchema": {{"default": {default}, ', 1)
    for text, found in ((line, False), (spoilt, True)):
        _, problems = Checker(Options()).problems(RawLine(1, 0, text.encode()))
        assert (code in {problem.code for problem in problems}) == found


def test_several_processes_find_what_one_finds(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    broken = b"".join(case.read_bytes() for case in INVALID if case.stem != "check_too_slow")
    path.write_bytes((dataset / "train.jsonl").read_bytes() + broken)
    outputs = []
    for workers in ("1", "2"):
        command = [sys.executable, "-m", "data.validate", str(path), "--workers", workers]
        outputs.append(subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 1000


def test_blocks_hold_every_line_once(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join([b"a" * (n % 50) for n in range(300)]))
    whole = [raw.data for raw in lines_from(path, 0, path.stat().st_size, 40)]
    for size in (1, 7, 64, 1000):
        parts = []
        for start in range(0, path.stat().st_size, size):
            end = min(start + size, path.stat().st_size)
            parts.extend(raw.data for raw in lines_from(path, start, end, 40))
        assert parts == whole


def test_fix_mends_what_it_can_and_leaves_the_input(tmp_path: Path) -> None:
    names = (
        "encoding_bom",
        "rpc_id_order",
        "call_spacing",
        "call_batch",
        "line_blank",
        "json_invalid",
    )
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = b"".join((CASES / "invalid" / f"{name}.jsonl").read_bytes() for name in names)
    rows = b"\r\n".join(
        line.replace(b'"example-1"', b'"id-%d"' % number).replace(
            b"What is", b"%d: what is" % number
        )
        for number, line in enumerate(rows.splitlines())
    )
    path.write_bytes(rows)
    assert main([str(path), "--fix", str(out)]) == 1
    assert path.read_bytes() == rows
    rejected = (tmp_path / "out.jsonl.rejected").read_text().splitlines()
    assert [json.loads(line)["codes"] for line in rejected] == [["json_invalid"]]
    assert len(out.read_bytes().splitlines()) == 6
    assert main([str(out)]) == 0


def test_the_report_is_one_page_that_escapes_what_it_shows(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    path = tmp_path / "<script>.jsonl"
    path.write_bytes((CASES / "invalid" / "kind_calls.jsonl").read_bytes())
    main([str(path), "--report", str(page)])
    text = page.read_text(encoding="utf-8")
    assert "kind_calls" in text and "<script>" not in text
    assert "Worst lines" in text and "http" not in text


def test_no_finding_shows_a_whole_secret(capsys: pytest.CaptureFixture[str]) -> None:
    found = findings_of(CASES / "invalid" / "secret.jsonl", capsys)
    assert all("Q3EGRZ" not in entry["message"] for entry in found)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("network access")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    for name in ("schema_ref_remote", "schema_dialect", "schema_ref"):
        assert main([str(CASES / "invalid" / f"{name}.jsonl")]) in (0, 1)


def test_mutated_lines_never_crash(dataset: Path) -> None:
    checker = Checker(Options(line_limit_s=1.0))
    lines = (dataset / "train.jsonl").read_bytes().splitlines()[:200]
    raws = [RawLine(n, 0, data) for n, data in enumerate(mutated_lines(lines, 3000, seed=1), 1)]
    block = checker.check("mutated", raws)
    assert block.n_lines == 3000
    assert len({found.code for found in block.findings}) > 20


@pytest.mark.parametrize("path", sorted(REAL.glob("*.uniform.jsonl")), ids=lambda path: path.stem)
def test_real_sets_give_findings_and_no_crash(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(path), "--format", "json"]) == 1
    assert capsys.readouterr().out


def _real_schemas() -> list[Any]:
    shipped = [tool.input_schema for domain in load_catalogue() for tool in domain.tools]
    file = REAL / "mcp_tools.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    real = [json.loads(line).get("inputSchema") for line in lines]
    return [schema for schema in [*shipped, *real] if isinstance(schema, dict)]


def test_the_first_pass_never_calls_valid_what_the_reference_does_not() -> None:
    pytest.importorskip("jsonschema_rs")
    rng = Random(0)
    seen: Counter[str] = Counter()
    for schema in _real_schemas():
        quick = engines.quick_engine(schema)
        if quick is None or any(engines.metaschema_errors(schema)):
            continue
        reference = engines.reference_engine(schema)
        for _ in range(3):
            value = _arguments(schema, rng)
            is_valid, is_obvious = quick.is_valid(value), is_obviously_valid(value, schema)
            seen.update(compared=1, valid=is_valid, obvious=is_obvious)
            if is_valid or is_obvious:
                assert reference.is_valid(value), (schema, value)
    assert seen["compared"] > 500 and seen["valid"] > 100 and seen["obvious"] > 100, seen


def test_the_metaschema_verdicts_of_both_engines_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jsonschema_rs")
    schemas = _real_schemas()
    quick = [bool(list(engines.metaschema_errors(schema))) for schema in schemas]
    monkeypatch.setattr(engines, "_rust", lambda: None)
    sample = range(0, len(schemas), 4)
    assert [quick[n] for n in sample] == [
        bool(list(engines.metaschema_errors(schemas[n]))) for n in sample
    ]


def _arguments(schema: dict[str, Any], rng: Random) -> dict[str, Any]:
    """Arguments that a schema may or may not allow."""
    values: list[Any] = [
        "x",
        "",
        "2026-02-28",
        "2026-02-30",
        0,
        1,
        2.0,
        1.5,
        True,
        None,
        [],
        ["a"],
        {},
    ]
    arguments = {}
    for name, inner in schema.get("properties", {}).items():
        if name in schema.get("required", []) or rng.random() < 0.3:
            fitting = inner.get("enum", []) if isinstance(inner, dict) else []
            by_type = {"string": "Oslo", "integer": 3, "number": 2.5, "boolean": False}
            usual = by_type.get(str(inner.get("type")) if isinstance(inner, dict) else "")
            arguments[name] = rng.choice([*fitting, usual, usual, usual, rng.choice(values)])
    return arguments


def test_help_is_quick_and_needs_nothing_slow() -> None:
    code = (
        "import sys, contextlib\nfrom data import validate\n"
        "with contextlib.suppress(SystemExit): validate.main(['--help'])\n"
        "slow = {'torch', 'transformers', 'jsonschema', 'tokenizers', 'numpy'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_name_before_a_colon_gives_no_value_where_something_is_told_to_it():
    assert _is_given("channel", {}, "Post it.\nchannel: general")
    assert _is_given("channel", {}, "Post it with channel=general")
    assert not _is_given("channel", {}, "Write to the whole channel: the VPN is back.")


def test_a_schema_that_refers_to_itself_checks_arguments(tmp_path, capsys):
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}},
    }
    schema = {**node, "$defs": {"node": node}}
    tools = [{"name": "link", "description": "Links nodes.", "inputSchema": schema}]
    call = {"name": "link", "arguments": {"n": 1, "next": {"n": "two"}}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    text = json.dumps(request, separators=(",", ":"))
    messages = [
        {"role": "user", "content": "Link 1 to two."},
        {"role": "assistant", "content": text},
    ]
    row = {"id": "a", "kind": "tool_call", "source": "own", "tools": tools, "messages": messages}
    file = tmp_path / "ring.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert [found["code"] for found in findings_of(file, capsys)] == ["argument_invalid"]
