# SPDX-License-Identifier: MIT
"""What the checks of style share: which files there are, and how a check ends."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77

# Inputs for fuzzers and the like, whatever they look like.
DATA_SUFFIXES = (".corpus",)


def git(*arguments):
    """Git's output about this checkout; None if it is no checkout or there is no git."""
    try:
        # The lab and containers show files that belong to somebody else.
        done = subprocess.run(["git", "-c", "safe.directory=*", *arguments], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def walk():
    """The files of a source tree that came without git."""
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in (".git", ".cache", "build")]
        for name in files:
            yield os.path.relpath(os.path.join(directory, name), ROOT)


def files():
    """All text files of the project, as paths below ROOT, sorted."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = listed.split("\0") if listed else walk()
    paths = (pathlib.Path(name) for name in sorted(set(names)) if name)
    return [path for path in paths
            if (ROOT / path).is_file()
            and not any(part.endswith(DATA_SUFFIXES) for part in path.parts)
            and b"\0" not in (ROOT / path).read_bytes()]


def lines_of(path):
    return (ROOT / path).read_text(errors="replace").splitlines()


def language(path):
    """c, shell, python, cmake, man, markdown, or None for the rest."""
    by_suffix = {".c": "c", ".h": "c", ".py": "python", ".sh": "shell", ".bash": "shell",
                 ".cmake": "cmake", ".md": "markdown"}
    if path.suffix in by_suffix:
        return by_suffix[path.suffix]
    if path.name == "CMakeLists.txt":
        return "cmake"
    if path.suffix[1:].isdigit() and len(path.suffix) == 2:
        return "man"
    head = lines_of(path)[:5]
    if head and head[0].startswith("#!"):
        return "python" if "python" in head[0] else "shell" if "sh" in head[0] else None
    return "shell" if any("shellcheck shell=" in line for line in head) else None


def of_language(*wanted):
    return [path for path in files() if language(path) in wanted]


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIPPED)


def finish(faults, what):
    """End the check: with what was found, or with what was looked at."""
    for fault in faults:
        print(fault)
    print("%d faults in %s" % (len(faults), what))
    sys.exit(1 if faults else 0)
