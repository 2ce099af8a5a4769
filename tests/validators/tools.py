#!/usr/bin/env python3
"""Other people's validators, in the exact versions that stand beside this file.

    tests/validators/tools.py check-jsonschema    # or: python, ajv

Installs the tool under the target folder, in `validators/`, if it is not there yet, and prints where: the program of
check-jsonschema, Python with jsonschema, or the folder that holds ajv's node_modules.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target")).resolve()
WORK = TARGET / "validators"


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, encoding="utf-8", **options)
    if result.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def python():
    return from_pypi("python", HERE / "requirements.txt") / "bin/python"


def check_jsonschema():
    return from_pypi("check-jsonschema", HERE / "check-jsonschema.txt") / "bin/check-jsonschema"


def from_pypi(name, requirements):
    """A virtual environment with what is required."""
    folder = WORK / name
    stamp = f"{sys.version}\n" + requirements.read_text("utf-8")
    if stale(name, stamp):
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--require-hashes", "-r", requirements)
        (WORK / f"{name}.stamp").write_text(stamp, "utf-8")
    return folder


def ajv():
    folder = WORK / "npm"
    stamp = (HERE / "package-lock.json").read_text("utf-8")
    if stale("npm", stamp):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (WORK / "npm.stamp").write_text(stamp, "utf-8")
    return folder


def stale(tool, stamp):
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{tool}.stamp"
    return not path.exists() or path.read_text("utf-8") != stamp


if __name__ == "__main__":
    print({"check-jsonschema": check_jsonschema, "python": python, "ajv": ajv}[sys.argv[1]]())
