"""Why a text is not YAML: the likely cause, in words, and its place."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

_NO_SPACE = re.compile(r"\s*(?:- +)*[A-Za-z_][\w-]*(:)(?![\s/\\:]|$)")
_TWO_COLONS = re.compile(r"\s*(?:- +)*[^\s\"'\[{#][^:]*:\s+[^\s\"'\[{].*:$")


def explain(text: str, error: YAMLError) -> tuple[int, str]:
    r"""Say what is wrong with a text that ruamel.yaml cannot parse.

    Parameters
    ----------
    text : with ``\n`` between lines.
    error : as raised.

    Returns
    -------
    index : of the character that the cause is at, from 0.
    what : the likely cause, and how to mend it.
    """
    if isinstance(error, ReaderError):
        return error.position, f"a control character (code {error.character}) is here; delete it"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return 0, "it cannot be parsed"
    at = min(error.problem_mark.index, len(text))
    opened = error.context_mark.index if error.context_mark is not None else at
    return _cause(text, at, opened, error.context or "", error.problem or "it cannot be parsed")


def _cause(text: str, at: int, opened: int, context: str, problem: str) -> tuple[int, str]:
    if text[at : at + 1] == "\t":
        return at, "a tab is here; YAML takes spaces only"
    if "anchor" in context or "alias" in context:
        sign = text[opened : opened + 1]
        return opened, f"a text that begins with {sign} must be in quotation marks"
    if "double-quoted" in context:
        return max(text.rfind("\\", opened, at + 1), opened), (
            "a backslash has a meaning of its own in double quotation marks; use single "
            "quotation marks, or / in a path"
        )
    if "quoted scalar" in context:
        return opened, "the quotation mark that opens here is never closed"
    if "block scalar" in context:
        return at, f"after {text[opened : opened + 1]} the text begins on the next line"
    if "cannot start any token" in problem:
        return at, f"a text that begins with {text[at : at + 1]} must be in quotation marks"
    if "flow" in context:
        return _bracket(text, at, opened, problem)
    if "mapping values are not allowed" in problem or "expected ':'" in problem:
        return _colon(text, at, opened, problem)
    if "expected <block end>" in problem or "<block mapping start>" in problem:
        return _block(text, at, problem)
    return at, problem


def _bracket(text: str, at: int, opened: int, problem: str) -> tuple[int, str]:
    sign = text[opened : opened + 1]
    closing = {"[": "]", "{": "}"}.get(sign)
    if closing is None:
        return at, "a bracket is not closed"
    if text[at : at + 1] in ("{", "["):
        return at, f"a text that holds {text[at]} must be in quotation marks here"
    if "<stream end>" in problem or "\n" in text[opened:at]:
        return opened, f"the {sign} that opens here is not closed by {closing}"
    return at, f"a comma, or the closing {closing}, is missing before this"


def _colon(text: str, at: int, opened: int, problem: str) -> tuple[int, str]:
    """Tell a colon without a space, a colon in a text, and bad indentation apart."""
    line = text.rfind("\n", 0, at) + 1
    for start in (text.rfind("\n", 0, opened) + 1, line, *_lines_above(text, line)):
        if found := _NO_SPACE.match(text, start, _end(text, start)):
            return found.start(1), "a space is missing after the colon"
    if "expected ':'" in problem:
        return opened, "a colon is missing: write 'key: value'"
    if _TWO_COLONS.match(text[line : at + 1]):
        return at, "a text that holds a colon and a space must be in quotation marks"
    above = next(iter(_lines_above(text, line)), line)
    depth, before = _indent(text, line), _indent(text, above)
    if above != line and ":" not in text[above : _end(text, above)]:
        return above + before, "a colon is missing: write 'key: value'"
    if depth > before:
        return line + depth, (
            f"this line is indented by {_spaces(depth)}, the one above by {before}, and that one "
            "has its value already; line them up"
        )
    return at, "a colon that is not expected here; put text in quotation marks"


def _block(text: str, at: int, problem: str) -> tuple[int, str]:
    if text[at : at + 1] in ("]", "}"):
        return at, f"a {text[at]} that nothing opens"
    line = text.rfind("\n", 0, at) + 1
    if "<scalar>" in problem or text[line:at].strip(" -"):
        return at, (
            "this comes after the end of the value; a ' within '...' is written twice, or use "
            '"..." around the text'
        )
    return at, (
        f"this line, indented by {_spaces(at - line)}, goes on with nothing above; line up the "
        "keys of a mapping, and the dashes of a list"
    )


def _lines_above(text: str, line: int, most: int = 1) -> list[int]:
    """Return where the nearest lines above begin, blank ones and comments left out."""
    found: list[int] = []
    while line > 0 and len(found) < most:
        line = text.rfind("\n", 0, line - 1) + 1
        content = text[line : _end(text, line)].strip()
        if content and not content.startswith("#"):
            found.append(line)
    return found


def _end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _indent(text: str, line: int) -> int:
    return len(text[line : _end(text, line)]) - len(text[line : _end(text, line)].lstrip(" "))


def _spaces(count: int) -> str:
    return "1 space" if count == 1 else f"{count} spaces"
