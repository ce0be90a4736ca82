"""The page on model files names what the code takes, and its example runs.

``GMTS_UPDATE_DOCS=1 pytest tests/models/files/test_model_files_page.py`` writes the lists anew.
"""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path

from gmts_models.models.files.names import ESTIMATORS, REFUSED
from gmts_models.models.files.scikit_learn import LISTED

PAGE = Path(__file__).parents[3] / "docs" / "model-files.md"


def _listed(page: str, what: str, names: list[str]) -> str:
    """Return the page with a list put in its place."""
    text = ",\n".join(
        ", ".join(f"`{name}`" for name in names[at : at + 4]) for at in range(0, len(names), 4)
    )
    found = re.compile(f"<!-- {what} -->.*?<!-- end -->", re.DOTALL)
    assert len(found.findall(page)) == 1
    return found.sub(f"<!-- {what} -->\n{text}<!-- end -->", page)


def test_the_page_lists_what_is_kept() -> None:
    page = PAGE.read_text(encoding="utf-8")
    public = sorted(name for names in LISTED.values() for name in names)
    right = _listed(_listed(page, "models", sorted(ESTIMATORS)), "estimators", public)
    if os.environ.get("GMTS_UPDATE_DOCS"):
        PAGE.write_text(right, encoding="utf-8")
        page = right
    assert page == right, "GMTS_UPDATE_DOCS=1 writes the lists anew"
    assert all(f"`{name}`" in page for name in REFUSED)


def test_the_example_on_the_page_runs() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 5
    assert not result.failed
