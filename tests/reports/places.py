"""Where a JSON pointer leads in a text, found by a small parser of its own that keeps positions."""

import gzip
import json
import re

BLANKS = re.compile(r"[ \t\r\n]*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL)
SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
RECORD_KEYS = {"message_event", "pipeline_id", "model_id", "event"}


class NotJson(Exception):
    pass


class Node:
    """A value: where it begins and ends; the members of an object as key -> (where the key begins and ends, value)."""

    def __init__(self, kind, start):
        self.kind, self.start, self.end = kind, start, None
        self.members, self.items, self.text = {}, [], None


class Places:
    """A file: JSON values one after the other, and what is none between them."""

    def __init__(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        # A byte order mark is not counted.
        self.text = data.decode("utf-8-sig")
        self.starts = [0] + [match.end() for match in re.finditer("\n", self.text)]

    def records(self):
        at = 0
        while True:
            at = BLANKS.match(self.text, at).end()
            if at >= len(self.text):
                return
            try:
                node = self.value(at)
            except (NotJson, RecursionError):
                # Reading goes on at the next line that begins with a bracket.
                more = re.compile(r"\n[ \t]*(?=[{\[])").search(self.text, at)
                if not more:
                    return
                at = more.end()
                continue
            at = node.end
            yield from records(node)

    def value(self, at):
        at = BLANKS.match(self.text, at).end()
        first = self.text[at : at + 1]
        if first in ("{", "["):
            return self.container(first, at)
        kind = "text" if first == '"' else "scalar"
        match = (STRING if kind == "text" else SCALAR).match(self.text, at)
        if not match:
            raise NotJson
        node = Node(kind, at)
        node.end, node.text = match.end(), match[0]
        return node

    def container(self, first, at):
        node = Node("object" if first == "{" else "array", at)
        last = "}" if first == "{" else "]"
        at = BLANKS.match(self.text, at + 1).end()
        if self.text[at : at + 1] == last:
            node.end = at + 1
            return node
        while True:
            if node.kind == "object":
                key = self.value(at)
                at = BLANKS.match(self.text, key.end).end()
                if key.kind != "text" or self.text[at : at + 1] != ":":
                    raise NotJson
                value = self.value(at + 1)
                # Of a key that comes twice, the last counts.
                node.members[json.loads(key.text)] = ((key.start, key.end), value)
            else:
                value = self.value(at)
                node.items.append(value)
            at = BLANKS.match(self.text, value.end).end()
            sign = self.text[at : at + 1]
            at += 1
            if sign == last:
                node.end = at
                return node
            if sign != ",":
                raise NotJson
            at = BLANKS.match(self.text, at).end()

    def mark(self, offset):
        """Line and column of an offset, both from 1, columns in characters."""
        line = sum(1 for start in self.starts if start <= offset)
        return line, offset - self.starts[line - 1] + 1

    def has(self, mark):
        """Whether there is such a place; the end of a line is one."""
        line, column = mark
        if not 1 <= line <= len(self.starts):
            return False
        lines = self.text.split("\n")
        return 1 <= column <= len(lines[line - 1]) + 1

    def end_in_line(self, span):
        """The column behind a place, or behind the line if the place goes on below."""
        start, end = span
        line, column = self.mark(start)
        shown = self.text[start:end].split("\n")[0].rstrip("\r")
        return column + len(shown)


def records(node):
    """What a page, an array or an object of its own holds."""
    if node.kind == "array":
        for item in node.items:
            yield from records(item)
    elif node.kind == "object":
        if RECORD_KEYS & set(node.members):
            yield node
        elif "data" in node.members:
            yield from records(node.members["data"][1])


def resolve(record, pointer, part):
    """Where the key or the value begins and ends to which a pointer leads in a record; or None."""
    node, span = record, (record.start, record.end)
    names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
    for number, name in enumerate(names):
        if node.kind == "object" and name in node.members:
            key, node = node.members[name]
        elif node.kind == "array" and name.isdigit() and int(name) < len(node.items):
            key, node = None, node.items[int(name)]
        elif node.kind == "text" and "message_event" in record.members:
            # JSON in a text of the LOG table: the text as a whole is meant.
            return span if within(node.text, names[number:]) else None
        else:
            return None
        is_last = number == len(names) - 1
        span = key if is_last and part == "key" and key else (node.start, node.end)
    return span


def within(text, names):
    value = json.loads(text)
    while isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    for name in names:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return True
