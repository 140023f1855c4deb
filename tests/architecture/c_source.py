# SPDX-License-Identifier: GPL-2.0-or-later
"""A small scanner of C: enough to find functions, their lengths and includes.

Used by the architecture tests alone. It knows braces, comments, strings and the
preprocessor's lines; it does not parse C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
_TOKENS_TO_BLANK = re.compile(
    r"""//[^\n]*            # a comment to the end of the line
      | /\*.*?\*/           # a block comment
      | "(?:\\.|[^"\\\n])*" # a string
      | '(?:\\.|[^'\\\n])*' # a character
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_NAME_BEFORE_PARENTHESIS = re.compile(r"(\w+)\s*\(")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)", re.DOTALL)


@dataclass(frozen=True)
class Include:
    """One include directive."""

    name: str
    system: bool
    line: int


@dataclass(frozen=True)
class CFunction:
    """One function with a body, from the first line of its declarator to its closing brace."""

    name: str
    first_line: int
    last_line: int

    @property
    def line_count(self) -> int:
        """Return its length."""
        return self.last_line - self.first_line + 1


def _blank(match: re.Match[str]) -> str:
    """Replace a token by spaces, keeping its line breaks."""
    return re.sub(r"[^\n]", " ", match.group())


def without_comments_and_strings(text: str) -> str:
    """Return the text with comments, strings and characters blanked, line for line."""
    return _TOKENS_TO_BLANK.sub(_blank, text)


def code_only(text: str) -> str:
    """Return the text with the preprocessor's lines blanked as well."""
    return _DIRECTIVE.sub(_blank, without_comments_and_strings(text))


def includes(text: str) -> list[Include]:
    """Return the include directives of a file; those inside a comment do not count."""
    comments = [m.span() for m in _TOKENS_TO_BLANK.finditer(text) if m.group().startswith("/")]
    found = []
    for match in _INCLUDE.finditer(text):
        if any(first <= match.start() < last for first, last in comments):
            continue
        line = text.count("\n", 0, match.start()) + 1
        found.append(Include(match[1] or match[2], match[2] is not None, line))
    return found


def _declarator_name(declarator: str) -> str | None:
    """Return the function's name when the text before a brace declares one."""
    text = _ATTRIBUTE.sub(" ", declarator).strip()
    if not text.endswith(")"):
        return None
    match = _NAME_BEFORE_PARENTHESIS.search(text)
    return match[1] if match else None


def functions(text: str) -> list[CFunction]:
    """Return the functions that have a body in this text."""
    code = code_only(text)
    found = []
    depth = 0
    start = 0  # where the text since the last top-level declaration begins
    name: str | None = None
    for position, character in enumerate(code):
        if character == "{":
            if depth == 0:
                name = _declarator_name(code[start:position])
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0 and name is not None:
                begin = start + len(code[start:]) - len(code[start:].lstrip())
                first_line = code.count("\n", 0, begin) + 1
                found.append(CFunction(name, first_line, code.count("\n", 0, position) + 1))
            if depth == 0:
                start = position + 1
        elif character == ";" and depth == 0:
            start = position + 1
    return found
