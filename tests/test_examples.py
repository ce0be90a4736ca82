"""What the repository shows: its configurations are valid, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from gmts_models.config.file import read_config

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "experiments").rglob("*.md"),
]
EXPERIMENTS = sorted(path for path in (ROOT / "experiments").iterdir() if path.is_dir())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("folder", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_is_complete(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_config(folder / "config.yaml").config
    assert config.name == folder.name
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for word in ("**Command**", "**Results**", "**Finding.**", "**Limits.**"):
        assert word in readme
    assert f"gmts-models run experiments/{folder.name}/config.yaml" in readme
    results = folder / "results"
    assert (results / "report.html").is_file()
    assert not (results / "private").exists()
    board = pd.read_csv(results / "tables" / "leaderboard.csv")
    assert list(board["model"])
    assert set(board["kind"]) == {each.kind for each in config.models}


def test_the_senators_finding_is_what_the_results_say() -> None:
    folder = ROOT / "experiments" / "01_senators"
    said = " ".join((folder / "README.md").read_text(encoding="utf-8").split())
    retention = pd.read_csv(folder / "results" / "tables" / "retention.csv")
    for row in retention[retention["group"] == "All"].itertuples():
        percent = f"{100 * row.retention:.0f} %"
        limits = f"{100 * row.lower:.0f} to {100 * row.upper:.0f}"
        assert re.search(rf"{percent} \((95 % interval )?{limits}\)", said), (percent, limits)
    board = pd.read_csv(folder / "results" / "tables" / "leaderboard.csv").set_index("model")
    for model in board.index:
        assert f"({board.loc[model, 'mean_brier']:.3f})" in said
    scores = pd.read_csv(folder / "results" / "tables" / "scores.csv").query("group == 'All'")
    ipa = scores.query("score == 'ipa'")["estimate"]
    assert f"from {100 * ipa.max():.1f} % to {100 * ipa.min():.1f} %" in said
    area = scores.query("score == 'auc'")["estimate"]
    assert f"between {area.min():.2f} and {area.max():.2f}" in said
    cox = pd.read_csv(folder / "results" / "tables" / "coefficients_cox.csv")
    assert (cox["p"] > 0.05).all()
    rule = cox.set_index("term").loc["retires_at_75"]
    assert f"({rule['ratio']:.2f}, {rule['lower']:.2f} to {rule['upper']:.2f})" in said
