"""Drawings within a page."""

from __future__ import annotations

import math

from gmts_models.reporting.svg import inline_svg, interval_mark

DRAWN = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 width="10pt" height="5pt" viewBox="0 0 10 5" version="1.1">
 <metadata>made today</metadata>
 <defs><style>*{color: red}</style><path id="m1" d="M 0.123456 2"/><clipPath id="c1"/></defs>
 <g id="unused" clip-path="url(#c1)" style="fill: #abcdef">
  <use xlink:href="#m1" x="1"/>
  <text style="font: 700 9px 'DejaVu Sans'; text-anchor: middle">a &lt; b</text>
 </g>
</svg>"""


def test_a_drawing_becomes_part_of_a_page() -> None:
    svg = inline_svg(DRAWN, name="one", label='x "y" <z>')
    assert svg == (
        '<svg viewBox="0 0 10 5" role="img" aria-label="x &quot;y&quot; &lt;z&gt;">'
        '<defs><path id="one-m1" d="M 0.12 2" /><clipPath id="one-c1" /></defs>'
        '<g clip-path="url(#one-c1)" style="fill: #abcdef"><use href="#one-m1" x="1" />'
        '<text style="font-size: 9px; font-weight: bold; text-anchor: middle">a &lt; b</text>'
        "</g></svg>"
    )


def test_an_interval_is_drawn_to_scale() -> None:
    mark = interval_mark(0.5, 0.25, 1.0, (0.0, 1.0), colour="#005eb8", line=0.0)
    # The scale runs from 6 to 154.
    assert 'd="M6.0 0V20"' in mark
    assert 'd="M43.0 10H154.0"' in mark
    assert 'cx="80.0"' in mark


def test_what_is_missing_is_not_drawn() -> None:
    mark = interval_mark(math.nan, math.nan, 1.0, (0.0, 1.0), colour="red", line=math.nan)
    assert "<path" not in mark
    assert "<circle" not in mark
