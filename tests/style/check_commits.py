# SPDX-License-Identifier: MIT
"""
Subjects of commits read `area: imperative summary`, in at most 72 characters, without a full
stop. Looks at what came after this check itself: history stays as it is.
"""
import pathlib
import re

from sources import ROOT, finish, git, skip

SUBJECT = r"[a-z0-9][\w./, -]*: \S.*[^.\s]"
LENGTH = 72


def faults_of(commit, subject):
    if len(subject) > LENGTH:
        yield "%s: %d characters, more than %d: %s" % (commit, len(subject), LENGTH, subject)
    if not re.fullmatch(SUBJECT, subject):
        yield "%s: not of the form 'area: summary': %s" % (commit, subject)


itself = pathlib.Path(__file__).resolve().relative_to(ROOT)
first = git("log", "--diff-filter=A", "--format=%H", "--", str(itself)) or ""
since = [first.split()[-1] + "..HEAD"] if first.split() else []
log = git("log", "--no-merges", "--format=%h %s", *since)
if log is None:
    skip("this is no git checkout with a history")
commits = [line.split(" ", 1) for line in log.splitlines()]
finish([fault for commit in commits for fault in faults_of(*commit)], "%d commits" % len(commits))
