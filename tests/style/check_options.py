# SPDX-License-Identifier: MIT
"""
Every option that a program's --help names is in its manual page, and is offered by its bash
completion, which is asked as bash would ask it.

Usage: check_options.py BUILD-DIRECTORY PROGRAM [COMMAND]
"""
import pathlib
import re
import subprocess
import sys

from sources import ROOT, finish, skip

build, program, command = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
title = " ".join([program] + command)
executable = build / "bin" / program

# Sources the completion, asks it for what can follow "PROGRAM COMMAND --", and prints the answers.
ASK = r"""
shopt -s extglob progcomp
. "$1" || exit 1
shift
COMP_WORDS=("$@" --) COMP_CWORD=$# COMP_LINE="$* --" COMP_POINT=$((${#COMP_LINE})) COMP_TYPE=9 COMP_KEY=9
spec=$(complete -p "$1") || exit 1
[[ $spec =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" "$1" -- "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", text))


def manual_options():
    """The pages that may describe the command, and the options in them as a reader sees them."""
    names = ["-".join([program] + command) + ".1", program + ".1"]
    pages = [ROOT / "docs" / "man" / name for name in names if (ROOT / "docs" / "man" / name).exists()]
    text = ""
    for page in pages:
        done = subprocess.run(["mandoc", "-T", "utf8", page], stdout=subprocess.PIPE, text=True, check=True)
        # Bold and underlined text is made by overstriking; words are hyphenated at the ends of lines.
        text += re.sub(r"-\n\s+(?=[a-z])", "-", re.sub(".\b", "", done.stdout)
                       .replace("‐", "-").replace("−", "-"))
    return pages, options_in(text)


def completed_options():
    script = ROOT / "docs" / "completion" / program
    if not script.exists():
        return None
    done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", script, program, *command],
                          env={"PATH": "%s:/usr/bin:/bin" % (build / "bin")}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return options_in(done.stdout.replace("=", " "))


if not executable.exists():
    skip("%s is not built" % executable)
told = subprocess.run([executable, *command, "--help"], stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True, timeout=60)
# argp adds --usage, a shorter --help, to every program.
helped = options_in(told.stdout) - {"--usage"}
faults = []
if told.returncode != 0 or not helped:
    faults.append("'%s --help' names no option; its exit status is %d" % (title, told.returncode))
pages, manual = manual_options()
if not pages:
    faults.append("there is no docs/man/%s.1" % program)
faults += ["%s: %s is not in its manual page" % (title, option) for option in sorted(helped - manual)]
completed = completed_options()
if completed is None:
    faults.append("there is no docs/completion/%s" % program)
else:
    faults += ["%s: %s is not offered by the completion" % (title, option)
               for option in sorted(helped - completed)]
finish(faults, "the %d options of %s" % (len(helped), title))
