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

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.reporting import write_report

pytestmark = pytest.mark.browser

MakeRun = Callable[..., Path]
LayOut = Callable[..., list[dict[str, Any]]]
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
MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><pre id="out"></pre>
{frames}
<script>
function measure(frame) {{
  const page = frame.contentDocument, root = page.documentElement;
  const middle = box => (box.left + box.right) / 2;
  const seen = {{width: root.clientWidth, scroll: root.scrollWidth, out: [], panels: []}};
  for (const element of page.body.querySelectorAll("*")) {{
    const box = element.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 && !element.closest(".table"))
      seen.out.push(element.tagName);
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
  seen.pairs = [...page.querySelectorAll(".pair")].map(pair => {{
    const box = pair.querySelector("figure svg").getBoundingClientRect();
    const table = pair.querySelector(".table").getBoundingClientRect();
    return {{width: box.width, right: box.right, table: table.left}};
  }});
  seen.fits = [...page.querySelectorAll(".table")].map(box => box.scrollWidth <= box.clientWidth);
  return seen;
}}
window.onload = () => {{
  const all = [...document.querySelectorAll("iframe")].map(measure);
  document.getElementById("out").textContent = JSON.stringify(all);
}};
</script>"""
FRAME = '<iframe width="{width}" height="2000" style="border:0" srcdoc="{page}"></iframe>'


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
def lay_out(chromium: str, profile: Path, tmp_path: Path) -> LayOut:
    """Give the function that lays a report out at several widths and measures it at each."""

    def measure(report: Path, *widths: int) -> list[dict[str, Any]]:
        outer = tmp_path / "measure.html"
        page = escape(report.read_text(encoding="utf-8"), quote=True)
        frames = "\n".join(FRAME.format(width=width, page=page) for width in widths)
        outer.write_text(MEASURE.format(frames=frames), encoding="utf-8")
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
        seen: list[dict[str, Any]] = json.loads(unescape(found[1]))
        return seen

    return measure


LONG = "Wholesale, retail, repair and other personal services of households (unclassified)"
CASES = {
    "the six": (SPECIALISMS, (410, 655, 95, 240, 380, 61)),
    "twenty, long names": ([f"{k} {LONG}" for k in range(20)], [40] * 20),
    "one, a name without a space": (["x" * 90], [50]),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_sticks_out(make_run: MakeRun, lay_out: LayOut, case: str) -> None:
    groups, sizes = CASES[case]
    folder = make_run(groups, sizes, limits=["z" * 300], question="why " * 80)
    widths = (1280, 390, 320)
    for width, seen in zip(widths, lay_out(write_report(folder), *widths), strict=True):
        assert width - 40 <= seen["width"] <= width
        assert seen["out"] == [], width
        assert seen["scroll"] <= seen["width"]
        if case == "the six" and width == 1280:
            assert all(seen["fits"])  # on a desk every table is seen whole


def test_many_models_and_groups_stay_within(make_told_run: MakeRun, lay_out: LayOut) -> None:
    """Twenty-two models, one of a long name, and what they tell of groups of long names."""
    names = ["hierarchical_cox", "kaplan_meier", "cox", "weibull_aft", "cause_specific_cox"]
    names += [f"model_{k}" for k in range(16)] + ["x" * 60]
    limits = [f"{', '.join(names)}: too few people."]
    folder = make_told_run([f"{k} {LONG}" for k in range(9)], models=names, limits=limits)
    page = write_report(folder).read_text(encoding="utf-8")
    opened = folder / "opened.html"
    opened.write_text(page.replace("<details>", "<details open>"), encoding="utf-8")
    widths = (1280, 500, 320)
    for width, seen in zip(widths, lay_out(opened, *widths), strict=True):
        assert seen["out"] == [], width
        assert seen["scroll"] <= seen["width"]
        assert seen["pairs"], width
        for pair in seen["pairs"]:  # letters of 13 px stay near their size
            assert 0.7 < pair["width"] / 360 < 1.1, width
            # The drawing stands beside its table on a desk, above it on a phone.
            assert (pair["right"] <= pair["table"]) == (width == 1280)


def test_numbers_at_risk_stand_under_their_months(make_run: MakeRun, lay_out: LayOut) -> None:
    desk, phone = lay_out(write_report(make_run()), 1100, 390)
    for panel in [*desk["panels"], *phone["panels"]]:
        across = panel["right"] - panel["left"]
        assert across > 200
        assert panel["height"] > 100
        assert 0 <= panel["below"] < 12
        # Month k of m lies (k + 1/2) / m along the drawing, which spans half a step beyond both.
        months = panel["heads"]
        wanted = [panel["left"] + across * (k + 0.5) / len(months) for k in range(len(months))]
        assert months == pytest.approx(wanted, abs=1.5)
    assert len(desk["panels"]) == len(SPECIALISMS)
    assert len({round(panel["top"]) for panel in desk["panels"]}) == 2  # three side by side
    assert len({round(panel["left"]) for panel in phone["panels"]}) == 1  # one above the other
