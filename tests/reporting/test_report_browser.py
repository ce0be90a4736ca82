"""The page as a browser lays it out: nothing sticks out, and numbers stand under their months."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from gmts_models.data.columns import SPECIALISMS
from gmts_models.reporting import write_report

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The page stands in a frame of a given width, and the frame's own page measures it: the report's
# policy lets no script run inside.
MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0">
<iframe width="{width}" height="2000" style="border:0" srcdoc="{page}"></iframe><pre id="out"></pre>
<script>
document.querySelector("iframe").onload = event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const middle = box => (box.left + box.right) / 2;
  const seen = {{width: root.clientWidth, scroll: root.scrollWidth, out: [], panels: []}};
  for (const element of page.body.querySelectorAll("*")) {{
    const box = element.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 && !element.closest(".table"))
      seen.out.push(element.tagName + "." + element.className);
  }}
  for (const figure of page.querySelectorAll("figure:has(.risk)")) {{
    const box = figure.querySelector("svg").getBoundingClientRect();
    const heads = [...figure.querySelectorAll("thead th")];
    seen.panels.push({{
      top: box.top, left: box.left, right: box.right, height: box.height,
      heads: heads.map(head => middle(head.getBoundingClientRect())),
      below: heads[0].getBoundingClientRect().top - box.bottom,
    }});
  }}
  seen.fits = [...page.querySelectorAll(".table")].map(box => box.scrollWidth <= box.clientWidth);
  seen.script = page.querySelector("script") !== null;
  document.getElementById("out").textContent = JSON.stringify(seen);
}};
</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        reason = f"no Chromium on the path (tried {', '.join(NAMES)}); CHROMIUM may name one"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def profile() -> Iterator[Path]:
    """A new profile of the browser; it may still be writing there when it has answered."""
    path = Path(tempfile.mkdtemp(prefix="gmts-browser-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def lay_out(chromium: str, profile: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Give the function that lays a report out at a width and measures it."""

    def measure(report: Path, width: int) -> dict[str, Any]:
        outer = tmp_path / f"measure-{width}.html"
        page = escape(report.read_text(encoding="utf-8"), quote=True)
        outer.write_text(MEASURE.format(width=width, page=page), encoding="utf-8")
        switches = [*SWITCHES, f"--user-data-dir={profile}", "--window-size=1400,2200"]
        done = subprocess.run(
            [chromium, *switches, "--dump-dom", "--virtual-time-budget=10000", outer.as_uri()],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=True,
        )
        found = re.search(r'<pre id="out">(.+?)</pre>', done.stdout, re.DOTALL)
        assert found, f"the page was not measured: {done.stderr[-500:]}"
        seen: dict[str, Any] = json.loads(unescape(found[1]))
        return seen

    return measure


LONG = "Wholesale, retail, repair and other personal services of households (unclassified)"
CASES = {
    "the six": (SPECIALISMS, (410, 655, 95, 240, 380, 61)),
    "twenty, long names": ([f"{k} {LONG}" for k in range(20)], [40] * 20),
    "one, a name without a space": (["x" * 90], [50]),
}


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("case", CASES)
def test_nothing_sticks_out(
    make_run: MakeRun, lay_out: Callable[..., dict[str, Any]], case: str, width: int
) -> None:
    groups, sizes = CASES[case]
    folder = make_run(groups, sizes, limits=["z" * 300], question="why " * 80)
    seen = lay_out(write_report(folder), width)
    assert width - 40 <= seen["width"] <= width
    assert seen["out"] == []
    assert seen["scroll"] <= seen["width"]
    assert not seen["script"]
    if case == "the six" and width == 1280:
        assert all(seen["fits"])  # on a desk every table is seen whole


def test_numbers_at_risk_stand_under_their_months(
    make_run: MakeRun, lay_out: Callable[..., dict[str, Any]]
) -> None:
    seen = lay_out(write_report(make_run()), 1100)
    assert len(seen["panels"]) == len(SPECIALISMS)
    for panel in seen["panels"]:
        across = panel["right"] - panel["left"]
        assert across > 200
        assert panel["height"] > 100
        assert 0 <= panel["below"] < 12
        # Month k of m lies (k + 1/2) / m along the drawing, which spans half a step beyond both.
        months = panel["heads"]
        wanted = [panel["left"] + across * (k + 0.5) / len(months) for k in range(len(months))]
        assert months == pytest.approx(wanted, abs=1.5)
    rows = {round(panel["top"]) for panel in seen["panels"]}
    assert len(rows) == 2  # three side by side, level with each other


def test_panels_stack_on_a_phone(make_run: MakeRun, lay_out: Callable[..., dict[str, Any]]) -> None:
    seen = lay_out(write_report(make_run()), 390)
    assert len({round(panel["left"]) for panel in seen["panels"]}) == 1
    assert min(panel["right"] - panel["left"] for panel in seen["panels"]) > 300
