"""Made-up tools and requests for them, so that a small model learns to read and to copy."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Any

from data.domains import load_pools
from data.slots import Slot, fill

VERBS = {
    "get": ["get", "show", "fetch", "pull up", "give me", "look up", "I need to see"],
    "list": ["list", "show all", "enumerate", "which are", "give me all", "what are"],
    "create": ["create", "make", "set up", "add", "please create", "I want a new"],
    "delete": ["delete", "remove", "get rid of", "drop", "throw away"],
    "update": ["update", "change", "edit", "adjust", "modify"],
    "send": ["send", "deliver", "pass on", "forward"],
    "search": ["search", "find", "look for", "hunt for", "search for"],
    "check": ["check", "verify", "test", "have a look at", "inspect"],
    "start": ["start", "launch", "begin", "run", "kick off"],
    "stop": ["stop", "halt", "end", "shut down", "cancel"],
    "count": ["count", "tell me the number of", "how many are"],
    "compare": ["compare", "put side by side", "weigh up"],
    "convert": ["convert", "turn", "transform", "translate"],
    "book": ["book", "reserve", "schedule", "arrange"],
    "rate": ["rate", "score", "grade", "assess"],
    "move": ["move", "shift", "transfer", "relocate"],
    "archive": ["archive", "store away", "put in the archive"],
    "export": ["export", "save out", "write out", "download"],
    "print": ["print", "put on paper", "print out"],
    "share": ["share", "publish", "make public"],
    "assign": ["assign", "hand over", "give out"],
    "lock": ["lock", "secure", "close"],
    "merge": ["merge", "combine", "join"],
    "measure": ["measure", "gauge", "take a reading of"],
}
NOUNS = """
account alarm album answer apartment article asset badge balance banner basket battery beacon
bicycle bill boat bottle branch bridge bucket budget building bundle cabin calendar camera
campaign canal card cargo case castle catalog channel chart clinic clock cluster coach code column
comment contract course crate crop customer cycle dam dashboard deal deposit desk device diet dish
doctor document donation door draft drill drone engine entry error essay event exam exhibit
expense factory farm fee ferry field file filter flag flight folder forest form fountain fridge
gallery game garden gate gauge genre gift glacier grant greenhouse guest guide harbor heater
holiday hospital hotel image incident index invoice island item jacket job journal kitchen label
lake lamp language lantern lease lecture lens lesson letter level library license list loan locker
log machine magazine map market match meal medal meeting member memo menu message meter mission
model module mountain movie museum note notice offer office orbit orchard order oven package
painting panel parcel park party passport patient payment pension permit phone photo piano pipe
planet plant player playlist poem police policy poll pool port poster price printer product
profile program project prize pump quarry query queue quiz quote rack radio ranking ratio receipt
recipe record refund region register reminder rental report request reserve review reward river
road robot room route rule sail sample satellite schedule school score screen season seat sensor
server session shelf shift ship shop signal site sketch song species speech stage station statue
stock storm story street student studio subject summary survey switch table tank target task tax
team teleport temple tenant terminal theater theme ticket timer token tool tour tower track trade
trail train trip truck tunnel turbine unit user vaccine valley vehicle vendor venue vessel video
village vineyard visa visitor voice volcano voucher wage wall wallet warehouse warning watch water
wave weather wedding wheel window winner workshop zone
""".split()
ADJECTIVES = """
active annual blue central daily digital double early eastern empty express external final first
foreign former free fresh frozen future global golden green hidden hourly internal joint large
late legal live local long lower main manual mobile monthly narrow new nightly northern old open
outer partial pending personal preferred previous primary private public quick quiet recent
regional remote rural secret senior shared short silver small southern special standard steady
summer target temporary total upper urban urgent weekly western winter yearly
""".split()
FIELDS = """
age amount area author budget category channel city code color comment company content count
country currency date day deadline delay depth description destination distance duration email end
file filter folder format goal group height host hour id index jsonrpc keyword kind label language
length level limit link location method minute mode model month name note number offset order
origin owner page params password path person phone place port price priority product project
quantity query radius range rank rate reason recipient region role room row score season section
sender service size sort source speed start state station status street subject symbol tag target
team temperature text theme time timezone title token topic type unit url user value version
volume week weight width year zone
""".split()
WORDS = """
amber anchor apple autumn bamboo basil breeze bright brook candle cedar cinder clever cloud clover
coral crystal dawn delta eagle ember falcon feather fern flint forest frost ginger granite harvest
hazel heron indigo iris ivory jade juniper lantern lemon lilac linen lotus lunar maple marble
meadow mellow mint misty nimble oak ocean olive onyx opal orchid otter pebble pepper pine plum
polar poppy prairie quartz raven reed ripple river rowan saffron sage sand scarlet shadow silent
silver solar spruce stone summit swift thistle thunder tidal tiger timber topaz tulip velvet
violet walnut willow winter wren zephyr
""".split()
POOL_NAMES = (
    "person first_name city country company email username phone address path filename url date "
    "time datetime color language currency timezone topic message title amount"
).split()
FILLERS = ("", "", "", "please ", "could you ", "can you ", "hey, ", "I'd like you to ", "now ")
POOLS = load_pools()


@dataclass(frozen=True)
class Parameter:
    """One made-up parameter: its schema, the words people use for it, and how a value is drawn."""

    name: str
    schema: dict[str, Any]
    words: str
    draw: Callable[[Random], Slot]


@dataclass(frozen=True)
class MadeUpTool:
    """A tool nobody has: its definition, what asks for it, and its parameters."""

    definition: dict[str, Any]
    verb: str
    thing: str
    parameters: tuple[Parameter, ...]
    required: frozenset[str]


def made_up_tool(rng: Random) -> MadeUpTool:
    """A tool with 0 to 6 parameters."""
    verb = rng.choice(list(VERBS))
    thing = noun(rng) if rng.random() < 0.85 else invented_word(rng)
    if rng.random() < 0.5:
        thing = f"{rng.choice(ADJECTIVES)} {thing}"
    parameters = _parameters(rng)
    required = frozenset(p.name for p in parameters if rng.random() < 0.7)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {p.name: p.schema for p in parameters},
    }
    if required:
        schema["required"] = [p.name for p in parameters if p.name in required]
    if rng.random() < 0.3:
        schema["additionalProperties"] = False
    definition = {
        "name": styled([verb, *thing.split()], rng),
        "description": _description(verb, thing, rng),
        "inputSchema": schema,
    }
    return MadeUpTool(definition, verb, thing, parameters, required)


def noun(rng: Random) -> str:
    return rng.choice(NOUNS)


def invented_word(rng: Random) -> str:
    """Two or three syllables that are no word."""
    return "".join(
        rng.choice("bcdfghjklmnprstvwz")
        + rng.choice("aeiou")
        + rng.choice(["", "", "n", "r", "l", "s"])
        for _ in range(rng.randint(2, 3))
    )


def styled(words: list[str], rng: Random) -> str:
    """The words as an identifier in one of the ways that servers name their tools."""
    style = rng.randrange(6)
    if style == 0:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    if style == 1:
        return "-".join(words)
    if style == 2:
        return f"{words[-1]}.{'_'.join(words[:-1])}"
    if style == 3:
        return f"{rng.choice(WORDS)}_{'_'.join(words)}"
    if style == 4:
        return f"{words[-1]}_{'_'.join(words[:-1])}"
    return "_".join(words)


def _description(verb: str, thing: str, rng: Random) -> str:
    article = rng.choice(["the", "a", "one", "this"])
    ending = rng.choice(
        ["", "", f" by {rng.choice(FIELDS)}", f" of a {noun(rng)}", " in the system"]
    )
    synonym = rng.choice([verb, *VERBS[verb][:2]])
    return f"{synonym} {article} {thing}{ending}".capitalize() + rng.choice([".", "", "."])


def _parameters(rng: Random) -> tuple[Parameter, ...]:
    count = rng.choice([0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6])
    by_name = {}
    for _ in range(count):
        parameter = _parameter(rng)
        by_name[parameter.name] = parameter
    return tuple(by_name.values())


def _parameter(rng: Random) -> Parameter:
    words = [rng.choice(FIELDS)]
    if rng.random() < 0.45:
        words.insert(0, rng.choice([rng.choice(ADJECTIVES), noun(rng)]))
    said = " ".join(words)
    schema, draw = rng.choices(_TYPES, weights=_TYPE_WEIGHTS)[0](rng)
    if rng.random() < 0.12:
        schema = {**schema, "description": said.capitalize()}
        return Parameter(
            rng.choice(string.ascii_lowercase) + rng.choice(["", "1", "2", "_id"]),
            schema,
            said,
            draw,
        )
    if rng.random() < 0.35:
        schema = {**schema, "description": f"{rng.choice(['The', 'A', 'Which'])} {said}"}
    name = rng.choice(
        ["_".join(words), "_".join(words), words[0] + "".join(w.capitalize() for w in words[1:])]
    )
    return Parameter(name, schema, said, draw)


Typed = tuple[dict[str, Any], Callable[[Random], Slot]]


def text_value(rng: Random) -> Slot:
    """A text from the pools, an identifier, a few words, or a word that is none."""
    kind = rng.random()
    if kind < 0.45:
        return fill(rng.choice(POOL_NAMES), POOLS, rng)
    if kind < 0.6:
        pattern = (
            "".join(rng.choice("@#*-#@") for _ in range(rng.randint(3, 9))).strip("-") or "@##"
        )
        return fill({"id": pattern}, POOLS, rng)
    if kind < 0.85:
        words = " ".join(rng.choice([*WORDS, *NOUNS]) for _ in range(rng.randint(1, 4)))
        words = words.title() if rng.random() < 0.4 else words
        return Slot(words, words)
    word = invented_word(rng)
    word = word.capitalize() if rng.random() < 0.5 else word
    return Slot(word, word)


def _text(rng: Random) -> Typed:
    return {"type": "string"}, lambda r: _said_as_text(text_value(r))


def _said_as_text(slot: Slot) -> Slot:
    return Slot(slot.said, slot.value if isinstance(slot.value, str) else slot.said)


def _integer(rng: Random) -> Typed:
    low, high = rng.choice([(1, 10), (0, 100), (2, 14), (1, 5000), (1900, 2100)])
    schema: dict[str, Any] = {"type": "integer"}
    if rng.random() < 0.4:
        schema |= {"minimum": low, "maximum": high}
    return schema, lambda r: fill({"integer": [low, high]}, POOLS, r)


def _number(rng: Random) -> Typed:
    decimals = rng.choice([1, 2])
    return {"type": "number"}, lambda r: fill({"number": [0, 500, decimals]}, POOLS, r)


def _enum(rng: Random) -> Typed:
    values = rng.sample(WORDS, rng.randint(2, 5))
    return {"type": "string", "enum": values}, lambda r: (lambda v: Slot(v, v))(r.choice(values))


def _flag(rng: Random) -> Typed:
    schema: dict[str, Any] = {"type": "boolean"}
    if rng.random() < 0.5:
        schema["default"] = rng.random() < 0.5
    return schema, lambda r: (lambda v: Slot("with" if v else "without", v))(r.random() < 0.5)


def _array(rng: Random) -> Typed:
    def draw(r: Random) -> Slot:
        items = [_said_as_text(text_value(r)) for _ in range(r.randint(1, 3))]
        said = [item.said for item in items]
        joined = said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1]
        return Slot(joined, [item.value for item in items])

    return {"type": "array", "items": {"type": "string"}}, draw


def _object(rng: Random) -> Typed:
    keys = rng.sample(FIELDS, 2)
    schema = {"type": "object", "properties": {key: {"type": "string"} for key in keys}}

    def draw(r: Random) -> Slot:
        values = [_said_as_text(text_value(r)) for _ in keys]
        said = " and ".join(f"{key} {slot.said}" for key, slot in zip(keys, values, strict=True))
        return Slot(said, {key: slot.value for key, slot in zip(keys, values, strict=True)})

    return schema, draw


_TYPES = (_text, _integer, _number, _enum, _flag, _array, _object)
_TYPE_WEIGHTS = (10, 4, 2, 3, 2, 2, 1)


@dataclass(frozen=True)
class MadeUpRequest:
    """A request for a made-up tool and the arguments it states."""

    text: str
    arguments: dict[str, Any]


def made_up_request(
    tool: MadeUpTool, rng: Random, silent_on: Collection[str] = ()
) -> MadeUpRequest:
    """Say every required parameter and each other one half of the time, in any order.

    Parameters named in `silent_on` are left out.
    """
    said = [
        p
        for p in tool.parameters
        if p.name not in silent_on and (p.name in tool.required or rng.random() < 0.5)
    ]
    slots = {p.name: p.draw(rng) for p in said}
    shuffled = list(said)
    rng.shuffle(shuffled)
    thing = tool.thing if rng.random() < 0.85 else rng.choice(ADJECTIVES) + " " + tool.thing
    article = rng.choice(["the ", "the ", "a ", "my ", "our ", ""])
    opening = rng.choice(FILLERS) + rng.choice(VERBS[tool.verb]) + " " + article + thing
    bare = len(said) == 1 and "type" in said[0].schema and said[0].schema["type"] == "string"
    parts = [_said_parameter(p, slots[p.name], bare, rng) for p in shuffled]
    text = rng.choice([" ", " ", ", "]).join([opening, *parts]) + rng.choice([".", "?", "", ""])
    text = text[0].upper() + text[1:] if rng.random() < 0.7 else text
    return MadeUpRequest(text, {p.name: slots[p.name].value for p in said})


def _said_parameter(parameter: Parameter, slot: Slot, bare: bool, rng: Random) -> str:
    words = parameter.words
    if parameter.schema["type"] == "boolean":
        return f"{slot.said} {words}"
    forms = [
        f"with {words} {slot.said}",
        f"{words}: {slot.said}",
        f"{words} {slot.said}",
        f"where the {words} is {slot.said}",
        f"use {slot.said} as the {words}",
        f"and {slot.said} for the {words}",
    ]
    if bare:
        forms = [
            f"for {slot.said}",
            f"of {slot.said}",
            f"called {slot.said}",
            f"{slot.said}",
            *forms,
        ]
    return rng.choice(forms)
