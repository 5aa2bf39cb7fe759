# SPDX-License-Identifier: MIT
"""Subjects of commits read `area: imperative summary`, in at most 72 characters, without a full stop."""
import re

from sources import finish, git, skip

SUBJECT = r"[a-z0-9][\w./, -]*: \S.*[^.\s]"
LENGTH = 72
# What the imperative is not, among the words that subjects like to begin with.
NOT_IMPERATIVE = r"(add|fix|remov|chang|updat|us|mak|mov|renam|test|implement)(s|es|ed|ing)\b"


def faults_of(commit, subject):
    if len(subject) > LENGTH:
        yield "%s: %d characters, more than %d: %s" % (commit, len(subject), LENGTH, subject)
    if not re.fullmatch(SUBJECT, subject):
        yield "%s: not of the form 'area: summary': %s" % (commit, subject)
    elif re.match(NOT_IMPERATIVE, subject.split(": ", 1)[1], re.IGNORECASE):
        yield "%s: not in the imperative: %s" % (commit, subject)


log = git("log", "--no-merges", "--format=%h %s")
if not log:
    skip("this is no git checkout with a history")
commits = [line.split(" ", 1) for line in log.splitlines()]
finish([fault for commit in commits for fault in faults_of(*commit)], "%d commits" % len(commits))
