# SPDX-License-Identifier: MIT
"""
Every option that a program's --help names is in its manual page, and is offered by its bash
completion, which is asked as bash would ask it. The same goes for the words of commands that it
lists under "Commands:", of which the completion offers no others.

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
SCRIPT = ROOT / "docs" / "completion" / program

# Sources the completion, asks it for what can be made of the last word, and prints the answers.
ASK = r"""
shopt -s extglob progcomp
. "$1" || exit 1
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=$((${#COMP_LINE})) COMP_TYPE=9 COMP_KEY=9
spec=$(complete -p "$1") || exit 1
[[ $spec =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", text))


def commands_in(text):
    """The words of each command that a program lists: ("info", "devices")."""
    listed = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.MULTILINE)
    return {tuple(re.match(r"  ([a-z-]+(?: [a-z]+)*)\b", line)[1].split())
            for line in listed[1].splitlines()} if listed else set()


def manual():
    """The pages that may describe the command, and their text as a reader sees it."""
    names = ["-".join([program] + command) + ".1", program + ".1"]
    pages = [ROOT / "docs" / "man" / name for name in names if (ROOT / "docs" / "man" / name).exists()]
    text = ""
    for page in pages:
        done = subprocess.run(["mandoc", "-T", "utf8", page], stdout=subprocess.PIPE, text=True, check=True)
        # Bold and underlined text is made by overstriking; words are hyphenated at the ends of lines.
        text += re.sub(r"-\n\s+(?=[a-z])", "-", re.sub(".\b", "", done.stdout)
                       .replace("‐", "-").replace("−", "-"))
    return pages, text


def completed(*words):
    """What is offered for the last of the words behind the program's command."""
    done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", SCRIPT, program, *command, *words],
                          env={"PATH": "%s:/usr/bin:/bin" % (build / "bin")}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.stdout


def faults_of_commands(commands, text):
    """What manual and completion say of them."""
    for words in sorted(commands):
        if not re.search(r"^ +%s\b" % " ".join(words), text, re.MULTILINE):
            yield "%s: the command '%s' is not in its manual page" % (title, " ".join(words))
    for before in sorted({()} | {words[:1] for words in commands if len(words) > 1}):
        wanted = {words[len(before)] for words in commands
                  if words[:len(before)] == before and len(words) > len(before)}
        # A command of a command comes behind what it is for: a socket.
        words = (["nothing"] if command else []) + [*before, ""]
        offered = {word for word in completed(*words).split() if not word.startswith("-")}
        if offered != wanted:
            yield "%s: for %s, the completion offers %s, not %s" % (
                title, " ".join((*before, "...")), sorted(offered), sorted(wanted))


if not executable.exists():
    skip("%s is not built" % executable)
told = subprocess.run([executable, *command, "--help"], stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True, timeout=60)
# argp adds --usage, a shorter --help, to every program.
helped = options_in(told.stdout) - {"--usage"}
faults = []
if told.returncode != 0 or not helped:
    faults.append("'%s --help' names no option; its exit status is %d" % (title, told.returncode))
commands = commands_in(told.stdout)
pages, text = manual()
if not pages:
    faults.append("there is no docs/man/%s.1" % program)
faults += ["%s: %s is not in its manual page" % (title, option)
           for option in sorted(helped - options_in(text))]
if not SCRIPT.exists():
    faults.append("there is no docs/completion/%s" % program)
else:
    faults += ["%s: %s is not offered by the completion" % (title, option)
               for option in sorted(helped - options_in(completed("--").replace("=", " ")))]
    if commands:
        faults += faults_of_commands(commands, text)
finish(faults, "the %d options and %d commands of %s" % (len(helped), len(commands), title))
