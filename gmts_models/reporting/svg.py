"""SVG to stand within an HTML page: free of scripts, styles, fonts and ids of its own."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

from markupsafe import Markup

_REFERENCE = re.compile(r"#([\w.:-]+)")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT_FAMILY = re.compile(r"font(?:-family)?\s*:[^;]*;?\s*")
_FONT_SIZE = re.compile(r"(\d[\d.]*)px")


def inline_svg(drawn: str, *, name: str, label: str) -> Markup:
    """Make a drawing part of a page.

    Parameters
    ----------
    drawn : a whole SVG file, as matplotlib writes it.
    name : unlike that of any other drawing on the page; keeps their ids apart.
    label : what a screen reader says in its place.
    """
    root = ET.fromstring(drawn)
    for parent in list(root.iter()):
        for child in list(parent):
            if _plain_name(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    used = {
        found
        for element in root.iter()
        for key, value in element.attrib.items()
        if _plain_name(key) != "id"
        if "url(#" in value or _plain_name(key) == "href"
        for found in _REFERENCE.findall(value)
    }
    for element in root.iter():
        element.tag = _plain_name(element.tag)
        element.attrib = _attributes(element, name, used)
        element.tail = None
        if element.tag != "text":
            element.text = None
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": label}
    return Markup(ET.tostring(root, encoding="unicode", short_empty_elements=True))


def _plain_name(name: str) -> str:
    return name.rpartition("}")[2]


def _attributes(element: ET.Element, name: str, used: set[str]) -> dict[str, str]:
    kept = {}
    for key, value in element.attrib.items():
        key = _plain_name(key)
        if key == "id":
            if value not in used:
                continue
            value = f"{name}-{value}"
        elif key == "href":
            value = value.replace("#", f"#{name}-", 1)
        elif "url(#" in value:
            value = value.replace("url(#", f"url(#{name}-")
        elif key == "style" and element.tag == "text":
            value = _text_style(value)
        kept[key] = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
    return kept


def _text_style(value: str) -> str:
    """Keep the size of a text, and take its font from the page."""
    size = _FONT_SIZE.search(value)
    bold = "font-weight: bold; " if "bold" in value or " 700 " in value else ""
    rest = _FONT_FAMILY.sub("", re.sub(r"font-(size|weight|style)\s*:[^;]*;?\s*", "", value))
    return f"{f'font-size: {size[1]}px; ' if size else ''}{bold}{rest}".strip()


def interval_mark(
    estimate: float,
    lower: float,
    upper: float,
    span: tuple[float, float],
    *,
    colour: str,
    line: float | None = None,
) -> Markup:
    """Draw one estimate with its interval on a scale shared by the rows of a table.

    The numbers stand beside it, so it is hidden from screen readers. `line` is a value marked in
    every row: all together, or no difference.
    """
    width, height = 160, 20

    def x(value: float) -> str:
        share = (value - span[0]) / (span[1] - span[0])
        return f"{6 + (width - 12) * min(max(share, 0), 1):.1f}"

    parts = []
    if line is not None and math.isfinite(line):
        parts.append(f'<path d="M{x(line)} 0V{height}" class="zero"/>')
    if math.isfinite(lower) and math.isfinite(upper):
        parts.append(f'<path d="M{x(lower)} 10H{x(upper)}" class="span" stroke="{colour}"/>')
    if math.isfinite(estimate):
        parts.append(f'<circle cx="{x(estimate)}" cy="10" r="4.5" fill="{colour}"/>')
    opening = f'<svg viewBox="0 0 {width} {height}" class="mark" aria-hidden="true">'
    return Markup(f"{opening}{''.join(parts)}</svg>")
