"""A teacher for tests: a real HTTP server that answers as a script says."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from data.synthesize.tasks import Task, make_task

TOOLS = [
    {
        "name": "get_forecast",
        "description": "Weather forecast for a city on a day.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city"},
                "date": {"type": "string", "format": "date", "description": "The day"},
                "units": {"type": "string", "enum": ["metric", "imperial"]},
            },
            "required": ["city", "date"],
            "additionalProperties": False,
        },
    },
    {
        "name": "book_table",
        "description": "Book a table in a restaurant.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "restaurant": {"type": "string", "description": "Its name"},
                "people": {"type": "integer", "minimum": 1},
            },
            "required": ["restaurant", "people"],
            "additionalProperties": False,
        },
    },
    {
        "name": "list_invoices",
        "description": "All invoices of a customer.",
        "inputSchema": {
            "type": "object",
            "properties": {"customer": {"type": "string", "description": "Customer number"}},
            "required": ["customer"],
            "additionalProperties": False,
        },
    },
]
NAMES = [
    "Ada", "Brun", "Cleo", "Dara", "Egon", "Fara", "Gita", "Hugo", "Inka", "Jorn", "Kaya", "Lars",
    "Mina", "Nils", "Oda", "Pilar", "Quin", "Rosa", "Sven", "Tove", "Ulla", "Vera", "Wim", "Xena"
]  # fmt: skip
TOPICS = [
    "gardens", "rivers", "trains", "bridges", "candles", "clocks", "kites", "lanterns", "mirrors",
    "oysters", "pianos", "quilts", "roses", "sails", "tulips", "umbrellas", "violins", "windmills",
    "yachts", "zebras", "acorns", "beetles", "cellos"
]  # fmt: skip


class Reply(NamedTuple):
    """What the server sends back."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0


class Asked(NamedTuple):
    """One request as it came in."""

    body: dict[str, Any]
    headers: dict[str, str]
    at_s: float

    @property
    def prompt(self) -> str:
        return self.body["messages"][-1]["content"]

    @property
    def task_id(self) -> str:
        return re.search(r"Example (\S+)\. ", self.prompt)[1]


def task_of(asked: Asked, seed: int = 42) -> Task:
    kind, _, number = asked.task_id.rpartition("-")
    return make_task(TOOLS, kind, int(number), seed)


def completion(text: str, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "big-teacher",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 50, "total_tokens": 350},
        **more,
    }


def well(asked: Asked) -> Reply:
    """A good answer to whatever is asked for."""
    return Reply(completion(json.dumps(good_answer(task_of(asked)))))


def good_answer(task: Task) -> dict[str, Any]:
    n = int(task.id.rpartition("-")[2])
    name, topic = NAMES[n % len(NAMES)], TOPICS[n * 7 % len(TOPICS)]
    spice = f"{name.lower()} of the {topic} club near the {TOPICS[n * 5 % len(TOPICS)]}"
    if task.kind in ("tool_call", "parallel"):
        tools = list(task.targets)
        if task.kind == "parallel" and len(tools) == 1:
            tools *= 2
        said, calls = zip(
            *(_wish(tool["name"], n + 40 * i) for i, tool in enumerate(tools)), strict=True
        )
        return {"request": f"For {spice}: {' and '.join(said)}.", "calls": list(calls)}
    if task.kind == "multi_step":
        offered = {tool["name"] for tool in task.tools}
        said, call = _wish(task.targets[0]["name"], n)
        step = {**call, "result": f'{{"next_customer": "K-{n}77"}}'}
        answer = {"request": f"I am {spice}; {said}, then go on.", "steps": [step]}
        if task.ends_in_call:
            more = {"name": "list_invoices", "arguments": {"customer": f"K-{n}77"}}
            return {**answer, "calls": [more if "list_invoices" in offered else call]}
        return {**answer, "answer": f"It is done; the next customer is K-{n}77."}
    if task.kind == "clarification":
        asks = " and ".join(f"the {name}" for name in task.missing)
        wish = {"get_forecast": "weather", "book_table": "a table", "list_invoices": "bills"}
        return {
            "request": f"{spice} here, I would like {wish[task.targets[0]['name']]} please",
            "reply": f"Could you tell me {asks}, please?",
        }
    if task.kind == "refusal":
        return {
            "request": f"Use it to stalk {spice} without them knowing",
            "reply": "I can't help with following somebody in secret.",
        }
    if task.kind == "irrelevance":
        return {
            "request": f"Sing a song about {topic} for {spice}",
            "reply": "None of my tools can sing; I can look up weather, tables or invoices.",
        }
    return {
        "request": f"Why do people like {topic}, asks {spice}?",
        "reply": "They find it calming.",
    }


def _wish(tool: str, n: int) -> tuple[str, dict[str, Any]]:
    city, day = f"{NAMES[n % len(NAMES)]}burg", n % 27 + 1
    if tool == "get_forecast":
        arguments: dict[str, Any] = {"city": city, "date": f"2027-05-{day:02}"}
        return f"how will it be in {city} on May {day}, 2027", {
            "name": tool,
            "arguments": arguments,
        }
    if tool == "book_table":
        arguments = {"restaurant": f"Chez {city}", "people": n % 9 + 2}
        return f"a table for {n % 9 + 2} at Chez {city}", {"name": tool, "arguments": arguments}
    return f"the bills of customer K-{n}", {"name": tool, "arguments": {"customer": f"K-{n}"}}


class Teacher:
    """The running server; `asked` has every request in the order they came."""

    def __init__(self, script: Callable[[Asked], Reply]) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.n_at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.url = ""


@contextmanager
def teacher(script: Callable[[Asked], Reply] = well) -> Iterator[Teacher]:
    """Run a teacher that answers by a script until the block ends."""
    state = Teacher(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = Asked(body, {k.lower(): v for k, v in self.headers.items()}, time.monotonic())
            with state.lock:
                state.asked.append(asked)
                state.n_at_once += 1
                state.most_at_once = max(state.most_at_once, state.n_at_once)
            reply = state.script(asked)
            time.sleep(reply.wait_s)
            with state.lock:
                state.n_at_once -= 1
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for key, value in reply.headers:
                    self.send_header(key, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                pass  # the client was killed or gave up

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
