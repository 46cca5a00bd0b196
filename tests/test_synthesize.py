"""A teacher that answers well, badly, slowly, or not at all: what is kept, what it costs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT, assert_one_line_error
from scripted_teacher import TOOLS, Reply, completion, good_answer, task_of, teacher, well

from data import cli, validate
from data.record import read_examples, write_rows
from data.synthesize.__main__ import main
from data.synthesize.prompts import messages_of, schema_of
from data.synthesize.tasks import make_task, possible_kinds
from data.synthesize.two_models import is_same

NONE = Reply({"error": {"message": "busy"}}, 503)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    path = tmp_path / "tools.json"
    path.write_text(json.dumps({"tools": TOOLS}), encoding="utf-8")
    return path


def arguments(tools, url, *more):
    out = tools.parent / "out"
    flags = ["--tools", tools, "--endpoint", url, "--teacher", "big-teacher", "--out", out]
    return [str(flag) for flag in [*flags, "--retry_delay_s", "0.01", *more]]


def manifest_in(tools):
    return json.loads((tools.parent / "out" / "manifest.json").read_text(encoding="utf-8"))


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rejects_in(tools):
    return lines_of(tools.parent / "out" / "rejects.jsonl")


# What is kept


def test_a_good_teacher_fills_every_kind_and_the_records_are_valid(tools, capsys):
    with teacher() as server:
        assert main(arguments(tools, server.url, "--records", "60")) == 0
    records = tools.parent / "out" / "records.jsonl"
    kinds = Counter(example.kind for example in read_examples(records))
    assert sum(kinds.values()) == 60 and len(kinds) == 7
    facts = manifest_in(tools)
    assert {kind: n["kept"] for kind, n in facts["kinds"].items()} == kinds
    assert facts["spent"]["requests"] == len(server.asked)
    assert facts["spent"]["tokens_in"] == 300 * len(server.asked)
    assert "60 records" in capsys.readouterr().out
    assert validate.main([str(records)]) == 0


def test_records_do_not_depend_on_the_order_in_which_answers_come(tools, tmp_path):
    texts = []
    for wait_s in (0, 0.004):
        with teacher(lambda asked, s=wait_s: well(asked)._replace(wait_s=s)) as server:
            flags = ["--records", "20", "--concurrency", "1" if wait_s == 0 else "6"]
            out = tmp_path / f"out{wait_s}"
            main([*arguments(tools, server.url, *flags), "--out", str(out), "--seed", "3"])
        asked = {a.task_id: a.prompt for a in server.asked}
        texts.append({e.id: e for e in read_examples(out / "records.jsonl")})
        assert len(asked) == len(server.asked)
    common = texts[0].keys() & texts[1].keys()
    assert len(common) >= 15 and all(texts[0][name] == texts[1][name] for name in common)


def spoilt(asked):
    """A good answer with one thing wrong, another one each time."""
    task = task_of(asked)
    answer = good_answer(task)
    spoil = SPOILT[int(task.id.rpartition("-")[2]) % len(SPOILT)]
    return Reply(completion(spoil[1](answer)))


def changed(**fields):
    return lambda answer: json.dumps({**answer, **fields})


def call(**arguments):
    return [{"name": "get_forecast", "arguments": arguments}]


LONDON = "How will it be in London on March 3, 2027?"
SPOILT = [
    ("no_json", lambda answer: "Sure! Here is a good example."),
    ("no_json", lambda answer: json.dumps(answer)[:-20]),
    ("no_json", lambda answer: "[" * 5000),
    ("no_json", lambda answer: '{"request": NaN}'),
    ("too_long", lambda answer: json.dumps({**answer, "more": "x" * 200_000})),
    ("too_long", changed(request="word " * 2000)),
    ("too_long", changed(request="\u6771" * 3000)),
    ("shape", lambda answer: json.dumps({"request": "hello"})),
    ("shape", changed(request=["no", "text"])),
    ("shape", changed(calls=[{"name": "get_forecast", "arguments": "{}"}])),
    ("shape", changed(calls=[{"name": 3, "arguments": {}}])),
    ("invalid: call_unknown_tool", changed(calls=[{"name": "rm", "arguments": {"path": "/"}}])),
    ("invalid: argument_missing", changed(request=LONDON, calls=call(city="London"))),
    ("invalid: argument_invalid", changed(request=LONDON, calls=call(city="London", date=3))),
    ("invalid: argument_format", changed(request=LONDON, calls=call(city="London", date="soon"))),
    ("invalid: argument_invalid", changed(calls=call(city="London", date="2027-03-03", x=1))),
    ("invalid: control_token", changed(request=f"{LONDON}<|im_end|><|im_start|>system")),
    ("invalid: secret", changed(request=f"{LONDON} key AKIAIOSFODNN7ABCDEFG")),
    ("invalid: json_surrogate", changed(request=f"{LONDON} \ud800")),
    ("invalid: kind_one_call", lambda a: json.dumps({**a, "calls": a["calls"] * 2})),
    ("ungrounded", changed(request=LONDON, calls=call(city="Paris", date="2027-03-03"))),
    ("ungrounded", changed(request="London soon?", calls=call(city="London", date="2027-03-03"))),
    ("names_tool", changed(request=f"{LONDON} Use get_forecast.")),
]  # fmt: skip


def test_each_bad_answer_is_rejected_for_its_own_reason(tools):
    with teacher(spoilt) as server:
        flags = ["--records", "400", "--kinds", "tool_call", "--max_requests", str(len(SPOILT))]
        with pytest.raises(cli.DataError, match="nothing was kept"):
            main(arguments(tools, server.url, *flags))
    found = {r["id"]: r["code"] for r in rejects_in(tools)}
    # The first tool that is offered decides whether "London" is a call of an offered tool.
    expected = {f"tool_call-{n:06d}": code for n, (code, _) in enumerate(SPOILT)}
    unlike = {
        name: (code, expected[name])
        for name, code in found.items()
        if code not in (expected[name], "invalid: call_unknown_tool")
    }
    assert not unlike
    assert set(found) == set(expected)
    assert len(set(found.values())) >= 8


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("clarification", {"reply": "Which colour do you like?"}, "asks_other"),
        ("clarification", {"reply": "I have no idea."}, "invalid: clarify_no_question"),
        ("refusal", {"reply": "Of course, here is how."}, "invalid: refuse_no_reason"),
        ("irrelevance", {"reply": "La la la, here you are."}, "invalid: refuse_no_reason"),
        ("multi_step", {"steps": []}, "shape"),
        ("multi_step", {"steps": [{"name": "get_forecast", "arguments": {}}]}, "shape"),
        ("answer", {"reply": ""}, "shape"),
    ],
)
def test_kinds_have_their_own_reasons(tools, kind, fields, code):
    def bad(asked):
        return Reply(completion(json.dumps({**good_answer(task_of(asked)), **fields})))

    with teacher(bad) as server, pytest.raises(cli.DataError):
        main(arguments(tools, server.url, "--kinds", kind, "--max_requests", "5"))
    assert {reject["code"] for reject in rejects_in(tools)} == {code}


def test_a_clarification_whose_request_says_the_value_is_rejected(tools):
    units = {"type": "string", "enum": ["metric", "imperial"], "description": "Units to use"}
    schema = {"type": "object", "properties": {"units": units}, "required": ["units"]}
    tools.write_text(
        json.dumps({"tools": [{"name": "setup", "description": "d", "inputSchema": schema}]}),
        encoding="utf-8",
    )
    answers = iter(("Set it up in metric, please", "Set it all up, please"))

    def script(asked):
        answer = {"request": next(answers), "reply": "Which units should I use?"}
        return Reply(completion(json.dumps(answer)))

    with teacher(script) as server:
        flags = ["--kinds", "clarification", "--records", "1", "--max_requests", "2"]
        assert main(arguments(tools, server.url, *flags)) == 0
    assert [reject["code"] for reject in rejects_in(tools)] == ["says_missing"]


def test_the_same_request_again_is_a_duplicate_and_so_is_one_of_a_given_file(tools):
    def same(asked):
        answer = {"request": "Why do cats purr, I wonder?", "reply": "To calm themselves."}
        return Reply(completion(json.dumps(answer)))

    flags = ["--kinds", "answer", "--records", "3", "--max_requests", "6"]
    with teacher(same) as server:
        assert main(arguments(tools, server.url, *flags)) == 0
    assert manifest_in(tools)["rejects"] == {"duplicate": 5}
    kept = tools.parent / "kept.jsonl"
    (tools.parent / "out" / "records.jsonl").rename(kept)
    with teacher(same) as server, pytest.raises(cli.DataError):
        more = ["--against", str(kept), "--out", str(tools.parent / "other")]
        main([*arguments(tools, server.url, *flags), *more])
    assert len(lines_of(tools.parent / "other" / "rejects.jsonl")) == 6


def test_fenced_and_wrapped_json_is_read(tools):
    def wrapped(asked):
        text = json.dumps(good_answer(task_of(asked)), indent=1)
        forms = ["```json\n{}\n```", "<think>hm {{</think>\n{}", "Here it is:\n{}\nEnjoy!"]
        number = int(asked.task_id[-6:])
        return Reply(completion(forms[number % 3].replace("{}", text)))

    with teacher(wrapped) as server:
        assert main(arguments(tools, server.url, "--records", "12")) == 0
    assert manifest_in(tools)["records"] == 12


def test_a_cut_off_answer_is_rejected_even_where_it_parses(tools):
    def cut(asked):
        return Reply(completion(json.dumps(good_answer(task_of(asked))), "length"))

    with teacher(cut) as server, pytest.raises(cli.DataError):
        main(arguments(tools, server.url, "--max_requests", "3"))
    assert {reject["code"] for reject in rejects_in(tools)} == {"truncated"}


def test_a_kind_that_never_works_is_given_up(tools):
    def no_calls(asked):
        task = task_of(asked)
        return well(asked) if task.kind == "answer" else Reply(completion("{}"))

    with teacher(no_calls) as server:
        flags = ["--kinds", "answer", "tool_call", "--records", "30", "--max_requests", "500"]
        assert main(arguments(tools, server.url, *flags)) == 0
    facts = manifest_in(tools)["kinds"]
    assert facts["tool_call"]["given_up"] and not facts["answer"]["given_up"]
    assert facts["tool_call"]["answers"] < 60
    assert facts["answer"]["kept"] == facts["answer"]["wanted"]


# The endpoint


def test_a_schema_is_sent_and_where_it_is_refused_plain_json_is_asked_for(tools):
    def without_schema(asked):
        if "response_format" in asked.body:
            return Reply({"error": {"message": "Unsupported: response_format"}}, 422)
        return well(asked)

    for script, share in ((well, 1), (without_schema, 0)):
        out = str(tools.parent / f"out{share}")
        with teacher(script) as server:
            main([*arguments(tools, server.url, "--records", "10"), "--out", out])
        facts = json.loads((Path(out) / "manifest.json").read_text(encoding="utf-8"))
        with_schema = [asked for asked in server.asked if "response_format" in asked.body]
        assert facts["schema_guided_answers"] == len(with_schema) * share
        assert len(with_schema) == (len(server.asked) if share else 1)


def test_one_schema_that_cannot_be_used_does_not_cost_the_others_theirs(tools):
    refused = []

    def picky(asked):
        if "response_format" in asked.body and len(server.asked) > 3 and not refused:
            refused.append(asked.task_id)
            return Reply({"error": {"message": "this schema has a pattern"}}, 400)
        return well(asked)

    with teacher(picky) as server:
        main(arguments(tools, server.url, "--records", "20"))
    plain = [asked.task_id for asked in server.asked if "response_format" not in asked.body]
    assert plain == refused != []


def test_names_of_options_are_learnt(tools):
    def modern(asked):
        if "max_tokens" in asked.body:
            return Reply({"error": {"message": "Use 'max_completion_tokens' instead."}}, 400)
        if "temperature" in asked.body:
            return Reply({"error": {"message": "'temperature' is not supported."}}, 400)
        return well(asked)

    with teacher(modern) as server:
        assert main(arguments(tools, server.url, "--records", "10")) == 0
    last = server.asked[-1].body
    assert "max_completion_tokens" in last and "temperature" not in last
    assert manifest_in(tools)["schema_guided_answers"] > 9


def test_busy_endpoints_are_asked_again_later_and_nothing_is_lost(tools):
    seen: Counter[str] = Counter()

    def busy(asked):
        seen[asked.task_id] += 1
        n, number = seen[asked.task_id], int(asked.task_id[-6:])
        if number % 3 == 0 and n == 1:
            return Reply({"error": {"message": "slow down"}}, 429, (("retry-after", "0.05"),))
        if number % 3 == 1 and n < 3:
            return Reply(b"<html>oops</html>", 500)
        return well(asked)

    with teacher(busy) as server:
        assert main(arguments(tools, server.url, "--records", "30")) == 0
    facts = manifest_in(tools)
    assert facts["records"] == 30 and "endpoint" not in facts["rejects"]
    assert facts["spent"]["requests"] == len(server.asked)
    first, second = [a.at_s for a in server.asked if a.task_id == "tool_call-000000"]
    assert second - first >= 0.05


def test_bodies_that_are_no_answer_are_rejected_and_the_run_goes_on(tools):
    bodies = [
        b"", b"null", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff\xfe",
        b'{"choices": 3}', b"[" * 100_000, json.dumps(completion("{}", usage="free")).encode(),
        json.dumps(completion("{}", usage={"prompt_tokens": -5})).encode(),
        json.dumps(completion("{}", choices=[{"message": {"content": None}}])).encode(),
        json.dumps(completion("{}", model=None)).encode(),
    ]  # fmt: skip

    def odd(asked):
        number = int(asked.task_id[-6:])
        is_odd = number % 2 and number // 2 < len(bodies)
        return Reply(bodies[number // 2]) if is_odd else well(asked)

    with teacher(odd) as server:
        flags = ["--kinds", "refusal", "--records", "20", "--retries", "0"]
        assert main(arguments(tools, server.url, *flags, "--concurrency", "1")) == 0
    facts = manifest_in(tools)
    assert facts["records"] == 20
    assert sum(facts["rejects"].values()) >= len(bodies)
    assert facts["spent"]["tokens_in"] >= 300 * 20


@pytest.mark.parametrize(
    ("reply", "code", "parts"),
    [
        (Reply({"error": {"message": "bad key"}}, 401), 2, ["401", "bad key", "the key is wrong"]),
        (Reply({"error": {"message": "no model"}}, 404), 2, ["404", "no such model", "/v1"]),
        (Reply({"error": {"message": "no credit"}}, 402), 2, ["402", "no credit"]),
        (NONE, 1, ["does not answer", "503", "the same command goes on"]),
        (Reply({"error": {"message": "what?"}}, 400), 1, ["does not answer", "400"]),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_one_line_and_leaves_nothing(tools, reply, code, parts):
    with teacher(lambda asked: reply) as server, pytest.raises(cli.UserError) as caught:
        main(arguments(tools, server.url, "--retries", "1"))
    assert caught.value.exit_code == code
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert len(server.asked) <= 4  # one by one until something is answered
    assert not (tools.parent / "out").exists()


def test_nobody_at_the_address_is_one_line(tools):
    with pytest.raises(cli.DataError, match=r"127\.0\.0\.1:9.*no connection"):
        main(arguments(tools, "http://127.0.0.1:9/v1", "--retries", "0"))


def test_an_endpoint_that_dies_midway_leaves_what_it_gave(tools):
    stops = pytest.raises(cli.DataError, match="goes on where this one stopped")
    with teacher(lambda a: well(a) if len(server.asked) < 20 else NONE) as server, stops:
        main(arguments(tools, server.url, "--retries", "0", "--records", "60"))
    kept = len(list(read_examples(tools.parent / "out" / "records.jsonl")))
    assert kept >= 15
    with teacher() as server:
        assert main(arguments(tools, server.url, "--records", "60")) == 0
    assert len(server.asked) <= 60 - kept + 10
    assert manifest_in(tools)["records"] == 60


def test_slow_answers_are_waited_for_together_and_too_slow_ones_given_up(tools):
    with teacher(lambda asked: well(asked)._replace(wait_s=0.1)) as server:
        main(arguments(tools, server.url, "--records", "24", "--concurrency", "6"))
    assert server.most_at_once == 6

    def stuck(asked):
        return well(asked)._replace(wait_s=1.5 if asked.task_id == "answer-000001" else 0)

    with teacher(stuck) as server:
        out = str(tools.parent / "second")
        flags = ["--timeout_s", "0.5", "--retries", "0", "--kinds", "answer", "--records", "5"]
        main([*arguments(tools, server.url, *flags), "--out", out])
    (lost,) = lines_of(Path(out) / "rejects.jsonl")
    assert (lost["id"], lost["code"]) == ("answer-000001", "endpoint")
    facts = json.loads((Path(out) / "manifest.json").read_text(encoding="utf-8"))
    assert facts["spent"]["tokens_out"] == 5 * 50 + 1024  # what was written may be billed
    assert "0.5 s" in lost["message"]


# The budget


@pytest.mark.parametrize(
    ("flags", "limit"),
    [
        (["--max_requests", "13"], "--max_requests 13"),
        (["--max_tokens", "20000"], "--max_tokens 20000"),
        (["--max_dollars", "0.02", "--price_in", "1", "--price_out", "2"], "--max_dollars 0.02"),
    ],
)
def test_a_budget_is_never_passed_and_what_was_made_is_kept(tools, capsys, flags, limit):
    with teacher(lambda asked: well(asked)._replace(wait_s=0.01)) as server:
        assert main(arguments(tools, server.url, "--records", "500", *flags)) == 0
    facts = manifest_in(tools)
    assert facts["stopped_by"] == limit
    assert 0 < facts["records"] <= len(server.asked) < 100
    spent = facts["spent"]
    tokens = (spent["tokens_in"], spent["tokens_out"])
    assert tokens == (300 * len(server.asked), 50 * len(server.asked))
    assert len(server.asked) <= 13 or limit != "--max_requests 13"
    assert sum(tokens) <= 20000 or limit != "--max_tokens 20000"
    assert spent["dollars"] is None or spent["dollars"] <= 0.02
    assert f"stopped by {limit}" in capsys.readouterr().out


def test_a_budget_for_no_request_sends_none(tools):
    with teacher() as server, pytest.raises(cli.UserError, match="not allow a single request"):
        main(arguments(tools, server.url, "--max_tokens", "100"))
    assert server.asked == []


def test_tokens_that_are_not_told_count_at_their_most(tools):
    def silent(asked):
        return Reply(completion(json.dumps(good_answer(task_of(asked))), usage=None))

    with teacher(silent) as server:
        main(arguments(tools, server.url, "--records", "3", "--max_reply_tokens", "777"))
    assert manifest_in(tools)["spent"]["tokens_out"] == 777 * len(server.asked)


# Stopped and gone on with


def command(tools, url, *more, env=None):
    return [sys.executable, "-m", "data.synthesize", *arguments(tools, url, *more)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_and_nothing_is_asked_twice(tools, how):
    with teacher(lambda asked: well(asked)._replace(wait_s=0.03)) as server:
        run = subprocess.Popen(
            command(tools, server.url, "--records", "60", "--concurrency", "4"),
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while len(server.asked) < 25:
            time.sleep(0.01)
        run.send_signal(how)
        _, errors = run.communicate(timeout=30)
        assert run.returncode == (130 if how == signal.SIGINT else -9)
        assert "Traceback" not in errors
        n_before = len(server.asked)
        journal = (tools.parent / "out" / "journal.jsonl").read_bytes()
        with open(tools.parent / "out" / "journal.jsonl", "ab") as file:
            file.write(b'{"event":"answered","task":"tool_ca')  # cut off by the kill
        assert main(arguments(tools, server.url, "--records", "60")) == 0
    prompts = Counter(asked.prompt for asked in server.asked)
    assert max(prompts.values()) == 1
    assert n_before < len(server.asked) <= 60 + 12
    facts = manifest_in(tools)
    assert facts["records"] == 60
    assert facts["spent"]["requests"] == len(server.asked)
    assert facts["rejects"].get("lost", 0) <= 4
    assert how != signal.SIGINT or "lost" not in facts["rejects"]
    assert (tools.parent / "out" / "journal.jsonl").read_bytes().startswith(journal)


def test_a_finished_run_asks_nothing_and_more_records_only_ask_for_more(tools):
    with teacher() as server:
        main(arguments(tools, server.url, "--records", "20"))
        files = {p.name: p.read_bytes() for p in (tools.parent / "out").iterdir()}
        n_asked = len(server.asked)
        main(arguments(tools, server.url, "--records", "20"))
        assert len(server.asked) == n_asked
        assert {p.name: p.read_bytes() for p in (tools.parent / "out").iterdir()} == files
        main(arguments(tools, server.url, "--records", "30"))
    assert manifest_in(tools)["records"] == 30
    assert len(server.asked) < n_asked + 20
    assert len({asked.prompt for asked in server.asked}) == len(server.asked)


def test_a_run_does_not_go_on_with_other_settings(tools):
    with teacher() as server:
        main(arguments(tools, server.url, "--records", "5"))
        for flags in (["--teacher", "other"], ["--seed", "7"], ["--temperature", "0.1"]):
            with pytest.raises(
                cli.UserError, match=f"another {flags[0][2:]}; choose another --out"
            ):
                main([*arguments(tools, server.url, "--records", "9"), *flags])
        assert manifest_in(tools)["records"] == 5  # and all is still there
        tools.write_text(json.dumps({"tools": TOOLS[:2]}), encoding="utf-8")
        with pytest.raises(cli.UserError, match="another tools"):
            main(arguments(tools, server.url, "--records", "9"))


def test_two_runs_do_not_share_a_folder(tools):
    with teacher(lambda asked: well(asked)._replace(wait_s=0.05)) as server:
        run = subprocess.Popen(command(tools, server.url, "--records", "30"), cwd=ROOT)
        while len(server.asked) < 3:
            time.sleep(0.01)
        with pytest.raises(cli.UserError, match="another run writes to it"):
            main(arguments(tools, server.url, "--records", "30"))
        assert run.wait(timeout=60) == 0
    assert manifest_in(tools)["records"] == 30


# What is asked


def test_prompts_are_recorded_and_each_is_another(tools):
    with teacher() as server:
        main(arguments(tools, server.url, "--records", "40"))
    notes = lines_of(tools.parent / "out" / "journal.jsonl")
    asked = [note["messages"][-1]["content"] for note in notes if note["event"] == "asked"]
    assert sorted(asked) == sorted(one.prompt for one in server.asked)
    assert len(set(asked)) == len(asked)
    facts = manifest_in(tools)
    assert (facts["seed"], facts["teacher"]) == (42, "big-teacher")
    assert facts["prompts"]["system"] == server.asked[0].body["messages"][0]["content"]


def test_the_same_seed_asks_the_same_and_another_seed_asks_otherwise():
    def prompts(seed):
        tasks = (make_task(TOOLS, "tool_call", n, seed) for n in range(20))
        return [messages_of(task)[-1]["content"] for task in tasks]

    assert prompts(1) == prompts(1)
    assert not set(prompts(1)) & set(prompts(2))


def test_tasks_offer_what_they_are_about_and_irrelevance_does_not():
    for kind in ("tool_call", "parallel", "multi_step", "clarification", "irrelevance"):
        for number in range(50):
            task = make_task(TOOLS, kind, number, 42)
            offered = [tool["name"] for tool in task.tools]
            assert len(set(offered)) == len(offered) > 0
            for target in task.targets:
                assert (target["name"] in offered) == (kind != "irrelevance")
            assert bool(task.missing) == (kind == "clarification")


def test_the_schema_of_an_answer_is_one_and_holds_a_good_answer():
    from jsonschema import Draft202012Validator

    for kind in ("tool_call", "parallel", "multi_step", "clarification", "refusal", "answer"):
        for number in range(20):
            task = make_task(TOOLS, kind, number, 42)
            schema = schema_of(task)
            Draft202012Validator.check_schema(schema)
            answer = good_answer(task)
            if not task.ends_in_call:
                Draft202012Validator(schema).validate(answer)
            with pytest.raises(Exception, match="request"):
                Draft202012Validator(schema).validate({})


def test_tools_without_required_arguments_leave_clarifications_out(tools, capsys):
    bare = [{**tool, "inputSchema": {"type": "object", "properties": {}}} for tool in TOOLS]
    assert "clarification" not in possible_kinds(bare, ["clarification", "answer"])
    tools.write_text(json.dumps({"tools": bare}), encoding="utf-8")

    def only_text(asked):
        return well(asked)

    with teacher(only_text) as server:
        main(arguments(tools, server.url, "--kinds", "clarification", "answer", "--records", "5"))
    assert "clarification: no tool has a required argument" in capsys.readouterr().err
    assert manifest_in(tools)["impossible"] == ["clarification"]


def test_one_tool_is_enough(tools):
    tools.write_text(json.dumps({"tools": TOOLS[:1]}), encoding="utf-8")
    answer = {"request": "Please paint my fence blue", "reply": "None of my tools can paint."}
    with teacher(lambda asked: Reply(completion(json.dumps(answer)))) as server:
        flags = ["--kinds", "irrelevance", "--records", "1"]
        assert main(arguments(tools, server.url, *flags)) == 0


def test_a_tool_that_no_record_has_room_for_is_left_out(tools, capsys):
    long = {**TOOLS[0], "name": "long_one", "description": "word " * 1000}
    tools.write_text(json.dumps({"tools": [*TOOLS, long]}), encoding="utf-8")
    with teacher() as server:
        main(arguments(tools, server.url, "--records", "10"))
    assert "long_one: too long a definition" in capsys.readouterr().err
    assert not any("long_one" in asked.prompt for asked in server.asked)
    tools.write_text(json.dumps({"tools": [long]}), encoding="utf-8")
    with pytest.raises(cli.DataError, match="no definition is short enough"):
        main(arguments(tools, "http://127.0.0.1:9/v1", "--out", str(tools.parent / "other")))


# Two models, keys and usage


@pytest.mark.parametrize(
    "name",
    [
        "Qwen/Qwen3-1.7B",
        "qwen3-1.7b",
        "qwen3:1.7b",
        "Qwen/Qwen3-1.7B:novita",
        "unsloth/Qwen3-1.7B-bnb-4bit",
        "Qwen3-1.7B-Q4_K_M.gguf",
        "me/qwen3-1.7b-toolcall-sft",
        "Qwen/Qwen3-1.7B-Base",
        "/models/Qwen3_1.7B/",
        "DeepSeek-R1-Qwen3-1.7B",
    ],
)
def test_the_student_under_another_name_is_no_teacher(tools, name):
    assert is_same(name, "Qwen/Qwen3-1.7B")
    with pytest.raises(cli.UserError, match="is the base model that will be trained"):
        main([*arguments(tools, "http://127.0.0.1:9/v1"), "--teacher", name])
    assert not (tools.parent / "out").exists()


@pytest.mark.parametrize(
    ("teacher_name", "student"),
    [
        ("Qwen/Qwen3-32B", "Qwen/Qwen3-1.7B"),
        ("Qwen/Qwen3-17B", "Qwen/Qwen3-1.7B"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen3-1.7B"),
        ("gpt-4o", "Qwen/Qwen3-1.7B"),
        ("meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-8B"),
    ],
)
def test_other_models_may_teach(teacher_name, student):
    assert not is_same(teacher_name, student)


def test_a_folder_made_from_the_student_is_no_teacher(tools):
    folder = tools.parent / "my-adapter"
    folder.mkdir()
    config = {"base_model_name_or_path": "Qwen/Qwen3-1.7B"}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(cli.UserError, match=r"it is made from Qwen/Qwen3-1\.7B"):
        main([*arguments(tools, "http://127.0.0.1:9/v1"), "--teacher", str(folder)])


def test_an_endpoint_that_answers_as_the_student_is_stopped(tools):
    def alias(asked):
        return Reply({**well(asked).body, "model": "Qwen/Qwen3-1.7B"})

    stops = pytest.raises(cli.UserError, match=r"answers as Qwen/Qwen3-1\.7B")
    with teacher(alias) as server, stops:
        main(arguments(tools, server.url))
    assert len(server.asked) == 1


def test_a_key_goes_to_its_own_host_only_and_into_no_file(tools, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-openai")
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    monkeypatch.setenv("MY_KEY", "key-for-this-host")

    def echo(asked):
        if len(server.asked) == 2:
            return Reply({"error": {"message": f"denied: {asked.headers['authorization']}"}}, 400)
        return well(asked)

    with teacher(echo) as server:
        main(arguments(tools, server.url, "--records", "5"))
        assert "secret" not in json.dumps([asked.headers for asked in server.asked])
        del server.asked[:]
        flags = ["--key_env", "MY_KEY", "--records", "5", "--out", str(tools.parent / "keyed")]
        main([*arguments(tools, server.url), *flags])
        assert server.asked[0].headers["authorization"] == "Bearer key-for-this-host"
    written = [
        path.read_text(encoding="utf-8") for path in tools.parent.rglob("*") if path.is_file()
    ]
    said = capsys.readouterr()
    assert not re.search("secret-of|secretsecret|key-for-this", "".join([*written, *said]))


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--endpoint", "ftp://x"], ["--endpoint", "https://HOST/v1"]),
        (["--endpoint", "http://me:pw@host/v1"], ["--key_env"]),
        (["--records", "0"], ["--records 0", "1 or more"]),
        (["--max_dollars", "2"], ["--price_in", "--price_out"]),
        (["--timeout_s", "0"], ["--timeout_s"]),
        (["--temperature", "-1"], ["--temperature"]),
        (["--against", "none.jsonl"], ["none.jsonl", "no such file"]),
        (["--key_env", "NOT_SET_ANYWHERE"], ["NOT_SET_ANYWHERE is not set"]),
        (["--tools", "none.json"], ["none.json"]),
    ],
)
def test_wrong_usage_is_one_line(tools, flags, parts):
    with pytest.raises(cli.UserError) as caught:
        main([*arguments(tools, "http://127.0.0.1:9/v1"), *flags])
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert not (tools.parent / "out").exists()


def test_a_folder_with_something_else_is_left_alone(tools):
    (tools.parent / "out").mkdir()
    write_rows(tools.parent / "out" / "mine.jsonl", [{}])
    with pytest.raises(cli.UserError, match="holds something else"):
        main(arguments(tools, "http://127.0.0.1:9/v1"))
    assert [path.name for path in (tools.parent / "out").iterdir()] == ["mine.jsonl"]


def test_the_hub_s_router_needs_a_token(tools):
    result = subprocess.run(
        command(tools, "hf"), cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "HF_TOKEN": "", "HF_HOME": str(tools.parent / "home")},
    )  # fmt: skip
    assert_one_line_error(result, 2, "HF_TOKEN is not set", "router.huggingface.co")
