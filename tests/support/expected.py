# SPDX-License-Identifier: MIT
"""
Compares what a program printed with what it should have printed.

In the expected text {{REGEX}} stands for what varies, and a line that is just [...] for any number
of lines, or none. Blank lines and the amount of blank space within a line don't count.
"""
import re


def squeeze(line):
    return " ".join(line.split())


def pattern_of(line):
    """The regular expression that a line of the expected text stands for."""
    parts = re.split(r"\{\{(.*?)\}\}", squeeze(line))
    # Every second part was between braces.
    return re.compile("".join("(?:%s)" % part if i % 2 else re.escape(part)
                              for i, part in enumerate(parts)))


def lines_of(text):
    return [squeeze(line) for line in text.splitlines() if line.strip()]


def matches(pattern, line):
    return pattern_of(pattern).fullmatch(line)


def chunks_of(text):
    """The runs of lines between lines of [...], each with whether such a line stands before it."""
    chunks = [(False, [])]
    for line in lines_of(text):
        if line == "[...]":
            chunks.append((True, []))
        else:
            chunks[-1][1].append(line)
    return chunks


def agreeing(chunk, got, same):
    """How many of the chunk's lines are those that `got` begins with."""
    count = 0
    while count < len(chunk) and count < len(got) and same(chunk[count], got[count]):
        count += 1
    return count


def difference(expected, actual, same=matches):
    """
    None if the texts agree, else a few lines that show where they part. Two lines agree if
    same(expected_line, actual_line) says so.
    """
    got = lines_of(actual)
    at = 0
    chunks = chunks_of(expected)
    for may_skip, chunk in chunks:
        places = range(at, len(got) + 1) if may_skip else [at]
        best = max(places, key=lambda place: (agreeing(chunk, got[place:], same), -place))
        count = agreeing(chunk, got[best:], same)
        if count < len(chunk):
            return "\n".join(["expected:", "    " + chunk[count],
                              "but after line %d the output goes on with:" % (best + count)]
                             + ["    " + each for each in got[best + count:best + count + 12]])
        at = best + count
    # What ends with [...] ends with an empty chunk that may be anywhere.
    if at < len(got) and chunks[-1] != (True, []):
        return "\n".join(["expected nothing more after line %d, but there is:" % at]
                         + ["    " + each for each in got[at:at + 12]])
    return None


def alike(documented, line):
    """
    A line of a document and a line of a program's output are alike if they differ in numbers, addresses and
    times alone. An ellipsis in the document stands for anything.
    """
    def bare(text):
        return re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?([mun]?s\b)?", "#", squeeze(text))
    wanted = ".*".join(re.escape(part) for part in bare(documented).split("\u2026"))
    return re.fullmatch(wanted, bare(line))


def examples(document):
    """The blocks of code in a Markdown text that stand behind the comment <!-- example -->."""
    return re.findall(r"<!-- example -->\n+```console\n(.*?)```", document, re.DOTALL)


def transcripts(document, name):
    """The blocks of code in a Markdown text that stand behind the comment <!-- transcript: NAME -->."""
    return re.findall(r"<!-- transcript: %s -->\n+```\w*\n(.*?)```" % re.escape(name), document, re.DOTALL)


def undocumented(document, name, output):
    """None if all transcripts of that name in a Markdown text are parts of the output, else what differs."""
    for block in transcripts(document, name):
        wrong = difference("[...]\n%s\n[...]" % block, output, alike)
        if wrong:
            return wrong
    return None
