"""The page on features says what the code does; GMTS_UPDATE_DOCS=1 writes its table anew."""

from __future__ import annotations

import os
from pathlib import Path

from gmts_models.features.catalogue import BUILT_IN

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
HEAD = "| feature | kind | meaning | made from |\n|---|---|---|---|\n"


def test_the_table_is_that_of_the_code() -> None:
    rows = []
    for each in BUILT_IN:
        unit = f" ({each.unit})" if each.unit else ""
        source = ", ".join(f"`{name}`" for name in each.sources)
        rows.append(f"| `{each.name}` | {each.kind} | {each.meaning}{unit} | {source} |\n")
    made, page = "".join(rows), PAGE.read_text(encoding="utf-8")
    before, table = page.split(HEAD)
    after = table[table.index("\n\n") :] if "\n\n" in table else ""
    if os.environ.get("GMTS_UPDATE_DOCS"):
        PAGE.write_text(before + HEAD + made.rstrip("\n") + after, encoding="utf-8")
        return
    assert table.startswith(made)
