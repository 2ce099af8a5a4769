"""The verdicts of Python's jsonschema. Run by `compare`:

    python with_jsonschema.py SCHEMAS CHECKS VERDICTS

CHECKS has a line `schema<tab>text` for each check. VERDICTS gets a line `schema<tab>name<tab>what is wrong with it` for each
schema, then a line `verdict<tab>first error` for each check.
"""

import json
import multiprocessing
import os
import re
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

VALIDATORS = {}


def one_line(text):
    return re.sub(r"[\t\r\n]+", " ", text)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def compile_all(folder):
    """Makes the validators; returns what is wrong with each schema."""
    faults = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".json") or file == "index.json":
            continue
        name = file.removesuffix(".json")
        try:
            schema = json.loads(read(os.path.join(folder, file)))
            Draft202012Validator.check_schema(schema)
            VALIDATORS[name] = Draft202012Validator(schema)
            faults[name] = ""
        except (SchemaError, ValueError) as error:
            faults[name] = one_line(str(error))
    return faults


def verdict(line):
    name, text = line.split("\t", 1)
    if name not in VALIDATORS:
        return "no schema\t"
    try:
        value = json.loads(text)
    except ValueError as error:
        return "unreadable\t" + one_line(str(error))
    error = next(VALIDATORS[name].iter_errors(value), None)
    if error is None:
        return "valid\t"
    return "invalid\t" + one_line(f"{error.json_path}: {error.message}"[:400])


def main():
    schemas, checks, verdicts = sys.argv[1:]
    faults = compile_all(schemas)
    asked = read(checks).split("\n")[:-1]
    with multiprocessing.Pool(initializer=compile_all, initargs=(schemas,)) as pool:
        answers = pool.map(verdict, asked, chunksize=100)
    with open(verdicts, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        for name, fault in faults.items():
            file.write(f"schema\t{name}\t{fault}\n")
        for answer in answers:
            file.write(answer + "\n")


if __name__ == "__main__":
    main()
