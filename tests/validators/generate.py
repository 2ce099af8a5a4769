"""Events for `compare`: good ones by construction, and mutated ones, always the same for the same seed.

Half of the good ones are fixtures with changes that an open schema allows, half follow a schema from its root. A mutated event
is a good one with one change; what the change makes of it is said where that is certain.

The texts keep away from what JSON parsers read differently before any schema is asked: lone surrogates, numbers beyond the
range of doubles, the same key twice, and nesting of more than a hundred levels.
"""

import calendar
import copy
import json
import random
import re
from dataclasses import dataclass


class Num(str):
    """A number as its text."""


def read(text):
    """A JSON value whose numbers keep their text."""
    return json.loads(text, parse_int=Num, parse_float=Num)


def text_of(value, rng=None):
    """The value as JSON on one line; with `rng`, with blanks and escapes here and there."""

    def blank():
        return rng.choice([" ", "  ", "\t", "\r"]) if rng and rng.random() < 0.03 else ""

    def quoted(text):
        written = json.dumps(text, ensure_ascii=bool(rng and rng.random() < 0.3))
        if rng and "\\" not in written and rng.random() < 0.1:
            written = re.sub("[a-z/]", lambda m: rng.choice([m[0], f"\\u{ord(m[0]):04X}"]), written)
        return written

    def write(value):
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, Num):
            return str(value)
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, list):
            return "[" + blank() + ",".join(write(item) + blank() for item in value) + "]"
        members = (quoted(key) + blank() + ":" + blank() + write(item) for key, item in value.items())
        return "{" + blank() + ("," + blank()).join(members) + blank() + "}"

    return blank() + write(value) + blank()


def lower(name):
    """The name in lower case, ASCII only: U+212A is no `k`."""
    return re.sub("[A-Z]", lambda m: m[0].lower(), name)


ALL_KINDS = ("null", "boolean", "integer", "fraction", "string", "array", "object")
# JSON Schema has `number` for both, and `integer` for 12.0 and 1e2 too.
KINDS_OF_TYPE = {kind: {kind} for kind in ALL_KINDS} | {"number": {"integer", "fraction"}}


def kind_of(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Num):
        return "integer" if float(value).is_integer() else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


STRINGS = [
    "", " ", "a", "kondado_blog", "Loja - Pedidos", "ação", "日本語", "😀", "e\u0301", "\u0000", "\n", "a\nb", "x\n", "\u2028",
    "\ufeff", "\uffff", "\U0010ffff", "\ud7ff\ue000", '"', "\\", "/", "$", "^", "true", "null", "0", "1.5", "1e2", "2023-02-30",
    "{}", "[1]", "urn:x", "SUCCESSFUL", "successful", "UPDATED", "x" * 300,
]
KEYS = [
    "", " ", "new_field", "newField", "$ref", "$id", "type", "__proto__", "constructor", "toString", "hasOwnProperty", "length",
    "0", "-1", "event ", "event\n", "Event", "created\n", "ação", "😀", "\u0000", "a/b", "a~b", "a.b", "%", "#", "prototype",
]
INTEGERS = [
    "0", "1", "-1", "12", "123", "65536", "2147483648", "-2147483649", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "123456789012345678901234567890", "-123456789012345678901234567890",
]
SPELLED_INTEGERS = [
    "12.0", "1e2", "1E+2", "1.5e1", "1.50e2", "120e-1", "-3.0", "-0", "-0.0", "0e0", "-0E-5", "0.0", "1e300", "-1e22", "1e0",
    "123456789012345678901234567890.0", "4503599627370497.0",
]
FRACTIONS = ["0.5", "1.5", "-1.25", "1e-1", "15e-1", "-2.75E0", "0.1", "63.51", "5e-324", "1e-300", "12.000000001", "4503599627370495.5"]
# Fractions of which a double keeps nothing: as good as integers for validators.
ROUNDED = ["1.00000000000000000000001", "9007199254740993.5", "1e-400", "-1e-400"]


def some_json(rng, depth=0):
    kind = rng.choice(ALL_KINDS if depth < 3 else ALL_KINDS[:5])
    return of_kind(kind, rng, depth)


def of_kind(kind, rng, depth=0):
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return Num(rng.choice(INTEGERS + SPELLED_INTEGERS) if rng.random() < 0.5 else str(rng.randrange(10**6)))
    if kind == "fraction":
        return Num(rng.choice(FRACTIONS))
    if kind == "string":
        return some_string(rng)
    if kind == "array":
        return [some_json(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {some_key(rng): some_json(rng, depth + 1) for _ in range(rng.randrange(4))}


def some_string(rng):
    if rng.random() < 0.6:
        return rng.choice(STRINGS)
    return "".join(rng.choice("abcxyzABC019_- .é😀") for _ in range(rng.randrange(1, 20)))


def some_key(rng):
    return rng.choice(KEYS) if rng.random() < 0.7 else some_string(rng)


def good_time(rng):
    year = rng.choice([0, 4, 400, 1600, 1900, 1996, 2000, 2023, 2024, 2025, 2100, 9996, 9999, rng.randrange(10000)])
    month = rng.randrange(1, 13)
    # Years repeat every 400.
    last = calendar.monthrange(year % 400 + 2000, month)[1]
    day = rng.choice([1, 28, last, last, rng.randrange(1, last + 1)])
    if rng.random() < 0.1 and calendar.isleap(year % 400 + 2000):
        month, day = 2, 29
    hour, minute, second = (rng.choice([0, top, rng.randrange(top + 1)]) for top in (23, 59, 59))
    fraction = "." + "".join(rng.choice("0159") for _ in range(rng.choice([1, 3, 6, 9, 12]))) if rng.random() < 0.7 else ""
    offset_hour, offset_minute = (f"{rng.choice([0, 3, top]):02}" for top in (23, 59))
    sign = rng.choice("+-")
    zone = rng.choice(
        ["Z", "Z", "z", "", sign + offset_hour, sign + offset_hour + offset_minute, f"{sign}{offset_hour}:{offset_minute}"]
    )
    separator = rng.choice("TTTt ")
    return f"{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{zone}"


WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
BROKEN_TIMES = [
    "2023-02-29T12:00:00Z", "2023-02-30T12:00:00Z", "2024-02-30T12:00:00.123Z", "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
    "2023-04-31T00:00:00Z", "2023-06-31 00:00:00", "2023-09-31T00:00:00Z", "2023-11-31T00:00:00Z", "2023-01-32T00:00:00Z",
    "2023-00-10T00:00:00Z", "2023-13-10T00:00:00Z", "2023-01-00T00:00:00Z", "2023-01-01T24:00:00Z", "2023-01-01T23:60:00Z",
    "2023-01-01T23:59:60Z", "2016-12-31T23:59:60Z", "2023-01-01T25:00:00", "2023-1-01T00:00:00Z", "23-01-01T00:00:00Z",
    "02023-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-2023-01-01T00:00:00Z", "+2023-01-01T00:00:00Z", "2023-01-01T00:00:00.Z",
    "2023-01-01T00:00:00,5Z", "2023-01-01T00:00:00.", "2023-01-01T00:00:00+24:00", "2023-01-01T00:00:00+1", "2023-01-01T00:00:00+01:60",
    "2023-01-01T00:00:00+01:", "2023-01-01T00:00:00+01:0", "2023-01-01T00:00:00+", "2023-01-01T00:00:00Z+01:00", "2023-01-01T00:00:00 Z",
    "2023-01-01T00:00:00 UTC", "2023-01-01T00:00:00ZZ", "2023-01-01", "2023-01-01T00:00Z", "2023-01-01T00Z", "20230101T000000Z",
    "2023-W01-1T00:00:00Z", "2023-001T00:00:00Z", "2023/01/01 00:00:00", "01/02/2023 00:00:00", "2023-01-01  00:00:00Z",
    "2023-01-01\t00:00:00Z", "2023-01-01\n00:00:00Z", "2023-01-01\u00a000:00:00Z", "2023-01-01Ｔ00:00:00Z", "2023-01-01T00:00:00Ｚ",
    "2023-01-01T00:00:00\u221201:00", "2023-01-01T00.00.00Z", "2023-01-01T000000Z", "now", "", " ", "\n", "1700000000", "null", "Z",
    "2023-01-01T00:00:00Z\n2023-01-01T00:00:00Z", "x2023-01-01T00:00:00Z", "x\n2023-01-01T00:00:00Z", "0000-02-30T00:00:00Z",
]
BREAKS_OF_TIMES = [
    lambda time: time + "\n", lambda time: time + "\n\n", lambda time: time + "\r", lambda time: time + "\r\n",
    lambda time: time + " ", lambda time: time + "\u2028", lambda time: time + "\u0085", lambda time: time + "\u0000",
    lambda time: " " + time, lambda time: "\n" + time, lambda time: "\ufeff" + time, lambda time: time + "\t",
    lambda time: time.translate(WIDE), lambda time: time.translate(ARABIC), lambda time: time[:-2] + time[-2:].translate(WIDE) + "\n",
    lambda time: time.replace(":", "："), lambda time: time.replace("-", "\u2010", 1), lambda time: "0" + time, lambda time: time[1:],
    lambda time: time + "$", lambda time: "^" + time,
]


GOOD_TIMES = [
    "2023-12-31T23:59:59Z", "2023-01-01 00:00:00", "2024-02-29t12:30:00.5z", "2000-02-29T00:00:00.123456789012Z",
    "0000-02-29T00:00:00+23", "9999-12-31T00:00:00-2359", "2023-04-30T00:00:00.000+05:30", "1900-02-28 01:02:03.4-03:00",
]


def times_at_the_edge():
    """Times and whether they are good."""
    yield from ((time, True) for time in GOOD_TIMES)
    yield from ((time, False) for time in BROKEN_TIMES)
    for time in GOOD_TIMES[:2]:
        yield from ((spoil(time), False) for spoil in BREAKS_OF_TIMES)
        # Every digit in turn as a digit of another script.
        for place, character in enumerate(time):
            if character.isdigit():
                yield time[:place] + character.translate(ARABIC) + time[place + 1 :], False


def names_at_the_edge(name):
    """Ways to write a name and whether they are good."""
    yield from ((name, True), (name.upper(), True), (name.title(), True))
    for other in [name + "\n", "\n" + name, name + " ", name + "\u0000", f"x\n{name}", f"{name}\n{name}", name[1:], name[:-1], "", name + "$"]:
        yield other, False
    alike = name.replace("k", "\u212a").replace("s", "\u017f").replace("i", "\u0131")
    yield alike, alike == name


IDS = [
    "0", "1", "-0", "-0.0", "12.0", "1e2", "1.5", "-1", "1e-1", "9223372036854775807", "9223372036854775808", "1e300", "true", "null", "[]",
    "{}", '"1"', '" 12 "', '"12\\n"', '"\\n12"', '"12\\n\\n"', '"1e2"', '"-1"', '"-0"', '"01"', '""', '" "', '"x"', '"1\\u00a0"', '"\\u00a01"', '"１"',
    '"1\\u2028"', '"1\\u0000"', '"1\\u000b"', '"12.0"', '"1.5"', '"+1"', '"1\\n2"',
]


class Unknown(Exception):
    """A schema with a keyword that the generator does not know: teach it."""


NOTES = {"description", "title", "examples", "default", "$schema", "$id", "$defs"}
RULES = {"type", "properties", "required", "anyOf", "const", "items", "additionalProperties", "pattern", "not", "maxLength"}


class Shape:
    """What a schema says, as far as the generator must know."""

    def __init__(self, document):
        self.document = document

    def resolved(self, schema):
        if isinstance(schema, bool):
            return {} if schema else {"type": []}
        while "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            if not rest.keys() <= NOTES:
                raise Unknown(f"{schema}")
            schema = self.document["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        unknown = schema.keys() - NOTES - RULES
        if unknown:
            raise Unknown(f"{sorted(unknown)} of {self.document['title']}")
        return schema

    def kinds(self, schema):
        """The kinds of values that may pass."""
        schema = self.resolved(schema)
        kinds = set(ALL_KINDS)
        if "type" in schema:
            types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            kinds &= set().union(*(KINDS_OF_TYPE[kind] for kind in types))
        if "const" in schema:
            kinds &= {kind_of(schema["const"])}
        if "anyOf" in schema:
            kinds &= set().union(*(self.kinds(branch) for branch in schema["anyOf"]))
        return kinds

    def is_time(self, schema):
        return "pattern" in schema and schema["pattern"] == self.document["properties"]["created"]["pattern"]

    def any_text(self, schema):
        """Whether every string passes."""
        schema = self.resolved(schema)
        if schema.keys() & {"pattern", "const", "not", "maxLength"} or "string" not in self.kinds(schema):
            return False
        return "anyOf" not in schema or any(self.any_text(branch) for branch in schema["anyOf"])

    def places(self, value, schema, path=()):
        """Every place in a value of which the schema says something, with what it says, the outer ones first."""
        schema = self.resolved(schema)
        yield path, schema
        parts = [schema]
        if "anyOf" in schema:
            fitting = [branch for branch in schema["anyOf"] if kind_of(value) in self.kinds(branch)]
            if len(fitting) == 1:
                parts.append(self.resolved(fitting[0]))
        for part in parts:
            if isinstance(value, dict):
                for key, item in value.items():
                    if key in part.get("properties", {}):
                        yield from self.places(item, part["properties"][key], (*path, key))
                    elif "additionalProperties" in part:
                        yield from self.places(item, part["additionalProperties"], (*path, key))
            elif isinstance(value, list) and "items" in part:
                for index, item in enumerate(value):
                    yield from self.places(item, part["items"], (*path, index))

    def make(self, schema, rng, depth=0):
        """A value that passes."""
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            branch = self.resolved(rng.choice(schema["anyOf"]))
            return self.make({key: rule for key, rule in schema.items() if key != "anyOf"} | branch, rng, depth)
        if self.is_time(schema):
            return good_time(rng)
        if "pattern" in schema:
            raise Unknown(f"a pattern in the data of {self.document['title']}")
        kinds = self.kinds(schema)
        kind = rng.choice([kind for kind in ALL_KINDS if kind in kinds])
        if kind == "array" and "items" in schema:
            return [self.make(schema["items"], rng, depth + 1) for _ in range(rng.randrange(4))]
        if kind != "object" or not schema.keys() & {"properties", "additionalProperties", "required"}:
            return of_kind(kind, rng, depth)
        made = {}
        for key, rule in schema.get("properties", {}).items():
            if key in schema.get("required", []) or rng.random() < 0.7:
                made[key] = self.make(rule, rng, depth + 1)
        if rng.random() < 0.3 or "properties" not in schema:
            self.add_unknown(made, schema, rng)
        return shuffled(made, rng)

    def add_unknown(self, value, schema, rng):
        """Adds a member that the schema does not name."""
        key = some_key(rng)
        rule = schema.get("additionalProperties", True)
        if key not in schema.get("properties", {}) and key not in value and self.kinds(rule):
            value[key] = self.make(rule, rng, 2)


def shuffled(value, rng):
    if rng.random() < 0.6:
        return value
    keys = list(value)
    order = [keys.pop(rng.randrange(len(keys))) for _ in range(len(keys))]
    return {key: value[key] for key in order}


def at(value, path):
    for step in path:
        value = value[step]
    return value


def put(value, path, item):
    """The value with another item at the path."""
    if not path:
        return item
    at(value, path[:-1])[path[-1]] = item
    return value


@dataclass
class Case:
    """A generated event."""

    text: str
    about: str
    # The schema of the event before its name was changed, and what it must say.
    origin: str = None
    origin_good: bool = False
    # What the schema of any event, and that of the event's name, must say, if that is certain.
    good: bool = None


class Generator:
    def __init__(self, seed, schemas, fixtures):
        """`schemas`: the schema of each event by name. `fixtures`: good events, as read by `read`."""
        self.rng = random.Random(seed)
        self.shapes = {name: Shape(schema) for name, schema in schemas.items()}
        self.fixtures = {name: [] for name in schemas}
        for event in fixtures:
            self.fixtures[lower(event["event"])].append(event)
        self.mutations = [getattr(self, name) for name in dir(Generator) if name.startswith("mutate_")]

    def cases(self, count):
        """Events of different texts, every other one mutated, of each name in turn."""
        names = list(self.shapes)
        seen = set()
        for number in range(count):
            turn = number // 2
            name = names[turn % len(names)]
            while True:
                case = self.case_of_good(name) if number % 2 == 0 else self.case_of_mutated(name, turn)
                if case.text not in seen:
                    break
                turn += 1
            seen.add(case.text)
            yield case

    def case_of_good(self, name):
        rng = self.rng
        if rng.random() < 0.03:
            event = {"event": self.other_name(), "data": some_json(rng), "created": good_time(rng)}
            return Case(text_of(shuffled(event, rng), rng), "good, of an unknown name", good=True)
        about, event = self.good(name)
        return Case(text_of(event, rng), f"good, {about}", good=True)

    def case_of_mutated(self, name, number):
        # Mutations that do not fit an event leave it to the next.
        while True:
            _, event = self.good(name)
            mutate = self.mutations[number % len(self.mutations)]
            mutated = mutate(name, event)
            if mutated is not None:
                value, fields = mutated
                about = mutate.__name__.removeprefix("mutate_").replace("_", " ")
                return Case(text_of(value, self.rng), f"mutated, {about}", **fields)
            number += 1

    # Good events.

    def good(self, name):
        rng = self.rng
        if self.fixtures[name] and rng.random() < 0.5:
            event = copy.deepcopy(rng.choice(self.fixtures[name]))
            for _ in range(rng.randrange(5)):
                self.vary(name, event)
            return "a fixture varied", event
        shape = self.shapes[name]
        event = {}
        for key, rule in shape.document["properties"].items():
            if key == "event":
                event[key] = self.in_some_case(name)
            elif key == "created":
                event[key] = good_time(rng)
            elif rng.random() < 0.8:
                event[key] = shape.make(rule, rng)
        if rng.random() < 0.3:
            shape.add_unknown(event, shape.document, rng)
        return "made from its schema", shuffled(event, rng)

    def vary(self, name, event):
        """Changes an event in place in a way that its schema allows."""
        rng, shape = self.rng, self.shapes[name]
        way = rng.choice(["time", "name", "replace", "replace", "drop", "add", "envelope"])
        if way == "time":
            event["created"] = good_time(rng)
        elif way == "name":
            event["event"] = self.in_some_case(name)
        elif way == "envelope":
            key = rng.choice([key for key in shape.document["properties"] if key not in ("event", "created", "data")])
            event[key] = shape.make(shape.document["properties"][key], rng)
        elif way == "replace":
            path, rule = rng.choice(list(shape.places(event, shape.document)))
            if path and path[0] not in ("event", "created"):
                put(event, path, shape.make(rule, rng))
        else:
            objects = [place for place in shape.places(event, shape.document) if isinstance(at(event, place[0]), dict)]
            path, rule = rng.choice(objects)
            value = at(event, path)
            if way == "add" and "anyOf" not in rule:
                shape.add_unknown(value, rule, rng)
            optional = [key for key in value if key not in rule.get("required", [])]
            if way == "drop" and optional:
                del value[rng.choice(optional)]

    def in_some_case(self, name):
        rng = self.rng
        way = rng.randrange(5)
        if way == 0:
            return name.upper()
        if way == 1:
            return "".join(rng.choice([c, c.upper()]) for c in name)
        return name

    def other_name(self):
        """A name that no event has."""
        rng = self.rng
        name = rng.choice(list(self.shapes))
        # Letters that a search without regard to case takes for `k` and `s`.
        alike = name.replace("k", "\u212a", 1).replace("s", "\u017f", 1)
        name = rng.choice([
            name + "\n", name + "\r\n", "\n" + name, name + " ", " " + name, name + "s", name[:-1], name.replace("_", "-") + "-", alike + ".",
            alike if alike != name else name + "\u0000", name.replace("_", "\uff3f") + "\u2028", f"{name}\n{name}", f"x\n{name}",
            name + "$", "^" + name, name.upper() + "\n", "\ufeff" + name, some_string(rng), "", "$", "__proto__", "constructor",
        ])
        return name if lower(name) not in self.shapes else name + "_"

    # Mutations: each takes a good event and gives the mutated one with what is certain of it, or None if it does not fit.

    def mutate_a_wrong_type(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        places = [
            (path, [kind for kind in ALL_KINDS if kind not in shape.kinds(rule)])
            for path, rule in shape.places(event, shape.document)
        ]
        places = [(path, kinds) for path, kinds in places if kinds]
        inner = [place for place in places if place[0][:1] == ("data",)]
        path, kinds = rng.choice(inner if inner and rng.random() < 0.8 else places)
        return put(event, path, of_kind(rng.choice(kinds), rng)), {"good": False, "origin": name}

    def mutate_a_null(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        path, rule = rng.choice(list(shape.places(event, shape.document))[1:])
        good = "null" in shape.kinds(rule)
        return put(event, path, None), {"good": good, "origin": name, "origin_good": good}

    def mutate_a_missing_key(self, name, event):
        rng = self.rng
        key = rng.choice(["event", "created"])
        value = event.pop(key)
        if rng.random() < 0.5:
            event[rng.choice([key.upper(), key.title(), key + " ", key + "\n", "ｅvent", key + "_at"])] = value
        return event, {"good": False, "origin": name}

    def mutate_a_missing_inner_key(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        keys = [
            (path, key)
            for path, rule in shape.places(event, shape.document)
            for key in rule.get("required", [])
            if path and "anyOf" not in rule and isinstance(at(event, path), dict)
        ]
        if not keys:
            return None
        path, key = rng.choice(keys)
        del at(event, path)[key]
        return event, {"good": False, "origin": name}

    def time(self, name, event):
        """The path of a time in the event."""
        shape = self.shapes[name]
        return self.rng.choice([path for path, rule in shape.places(event, shape.document) if shape.is_time(rule)])

    def mutate_a_broken_time(self, name, event):
        return put(event, self.time(name, event), self.rng.choice(BROKEN_TIMES)), {"good": False, "origin": name}

    def mutate_a_time_that_breaks(self, name, event):
        time = self.rng.choice(BREAKS_OF_TIMES)(good_time(self.rng))
        return put(event, self.time(name, event), time), {"good": False, "origin": name}

    def mutate_a_character_of_the_time(self, name, event):
        rng, time = self.rng, good_time(self.rng)
        place = rng.randrange(len(time) + 1)
        time = time[:place] + rng.choice(["", "0", "3", "9", "-", ":", "T", "Z", "+", ".", " ", "\n"]) + time[place + 1 :]
        return put(event, self.time(name, event), time), {"origin": name, "origin_good": None}

    def mutate_the_spelling_of_a_number(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        places = [(path, shape.kinds(rule)) for path, rule in shape.places(event, shape.document)]
        places = [(path, kinds) for path, kinds in places if "integer" in kinds]
        if not places:
            return None
        path, kinds = rng.choice(places)
        number = Num(rng.choice(SPELLED_INTEGERS + INTEGERS + FRACTIONS + ROUNDED))
        good = kind_of(number) in kinds
        return put(event, path, number), {"good": good, "origin": name, "origin_good": good}

    def mutate_an_empty_or_odd_text(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        places = [path for path, rule in shape.places(event, shape.document) if shape.any_text(rule)]
        if not places:
            return None
        return put(event, rng.choice(places), rng.choice(STRINGS)), {"good": True, "origin": name, "origin_good": True}

    def mutate_an_unknown_key(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        objects = [
            (path, rule)
            for path, rule in shape.places(event, shape.document)
            if isinstance(at(event, path), dict) and "anyOf" not in rule and "additionalProperties" not in rule
        ]
        path, rule = rng.choice(objects)
        key = rng.choice(KEYS)
        if key in rule.get("properties", {}):
            return None
        at(event, path)[key] = some_json(rng)
        return event, {"good": True, "origin": name, "origin_good": True}

    def mutate_the_name_to_no_event(self, name, event):
        event["event"] = self.other_name()
        return event, {"good": True, "origin": name}

    def mutate_the_name_to_another_event(self, name, event):
        event["event"] = self.in_some_case(self.rng.choice([other for other in self.shapes if other != name]))
        return event, {"origin": name}

    def mutate_the_name_to_no_text(self, name, event):
        rng = self.rng
        event["event"] = rng.choice([None, True, Num("1"), [name], {name: name}, [], {}])
        return event, {"good": False, "origin": name}

    def mutate_the_whole(self, name, event):
        value = self.rng.choice([None, True, False, Num("0"), Num("-0"), Num("1.5"), "", name, [], [event], {}, text_of(event), {"data": event}])
        return value, {"good": False, "origin": name}

    def mutate_deep_data(self, name, event):
        value = some_json(self.rng)
        for _ in range(self.rng.randrange(1, 60)):
            value = self.rng.choice([[value], {self.rng.choice(KEYS): value}])
        event["data"] = value
        return event, {"origin": name, "origin_good": None}

    def mutate_anything_anywhere(self, name, event):
        rng, shape = self.rng, self.shapes[name]
        for _ in range(rng.randrange(1, 4)):
            paths = [path for path, _ in shape.places(event, shape.document)]
            path = rng.choice(paths[1:] or paths)
            event = put(event, path, some_json(rng))
            if not isinstance(event, dict):
                break
        return event, {"origin": name, "origin_good": None}
