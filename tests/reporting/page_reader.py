"""A report read back: its tables, headings and text, for the tests that ask for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from gmts_models.reporting import write_report

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Table:
    """Heads and body of one table, as text."""

    classes: str
    rows: list[list[str]] = field(default_factory=list)

    def column(self, head: str) -> list[str]:
        return [row[self.rows[0].index(head)] for row in self.rows[1:]]


class Page(HTMLParser):
    """The parts of a page that the tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: list[Table] = []
        self.headings: list[tuple[int, str]] = []
        self.items: list[str] = []
        self.counts: list[str] = []
        self.svg_texts: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._box = ""
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        if tag in {"div", "dl"} and "class" in given:
            self._box = given["class"]
        if tag == "table":
            self.tables.append(Table(given.get("class") or self._box))
        elif tag == "tr":
            self.tables[-1].rows.append([])
        elif tag in {"th", "td"}:
            self.tables[-1].rows[-1].append("")
        elif tag in {"h1", "h2", "h3"}:
            self.headings.append((int(tag[1]), ""))
        elif tag == "li":
            self.items.append("")
        elif tag == "text":
            self.svg_texts.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if {"th", "td"} & set(self._open):
            self.tables[-1].rows[-1][-1] += data.strip()
        if self._open and self._open[-1] in {"h1", "h2", "h3"}:
            self.headings[-1] = (self.headings[-1][0], data)
        if "li" in self._open:
            self.items[-1] += data
        if "dl" in self._open and self._box == "counts" and self._open[-1] == "dd":
            self.counts.append(data)
        if "text" in self._open:
            self.svg_texts[-1] += data.strip()

    def table(self, first: str, *, containing: str = "") -> Table:
        """The table whose first head is `first`."""
        return next(
            table
            for table in self.tables
            if table.rows[0][0] == first and any(containing in head for head in table.rows[0])
        )

    def attributes(self, name: str) -> list[str]:
        return [given[name] for _, given in self.tags if name in given]


def read(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def rewrite(folder: Path, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / "tables" / f"{table}.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
