"""Tools from Debian's packages: the installed one, or, without root, one that is unpacked under the target folder, in `services/`."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "validators"))
import tools  # noqa: E402

CACHE = tools.TARGET / "services/debian"
# The packages that have the tool and the libraries that a small system does not have.
PACKAGES = {
    "nginx": ("nginx",),
    "openssl": ("openssl",),
    "tinyproxy": ("tinyproxy-bin",),
    "wrk": ("wrk", "libluajit-5.1-2"),
    "zstd": ("zstd",),
}


@functools.cache
def tool(name):
    """The words that a command with this tool begins with."""
    installed = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if installed:
        return (installed,)
    folder = CACHE / name
    if not (folder / "complete").exists():
        fetch(PACKAGES[name], folder)
    [program] = [path for path in folder.glob(f"usr/*bin/{name}") if os.access(path, os.X_OK)]
    libraries = ":".join(sorted({str(path.parent) for path in folder.glob("usr/lib/**/*.so.*")}))
    return ("env", f"LD_LIBRARY_PATH={libraries}", str(program)) if libraries else (str(program),)


def fetch(packages, folder):
    if not shutil.which("apt-get"):
        sys.exit(f"{packages[0]} is not installed, and there is no apt-get to fetch it with: install it")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tools.run("apt-get", "download", *packages, cwd=folder)
    for package in folder.glob("*.deb"):
        tools.run("dpkg-deb", "--extract", package, folder)
    (folder / "complete").touch()


def version(name, *options):
    """What the tool says of itself."""
    said = subprocess.run([*tool(name), *options], capture_output=True, text=True)
    return (said.stdout + said.stderr).strip().split("\n")[0]
