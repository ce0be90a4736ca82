"""A register of the same quantities from other Python libraries, used as they document it.

Where a library has no such estimate, or says that it does not take such data, it has no entry.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from benchmarks.accuracy_data import Figures

Peer = Callable[[], Figures | str]
PEERS: dict[str, dict[str, Peer]] = {}
"""Key of a row -> label (a library's name on the registry, then what is said of its use) -> it."""

DEGENERATE = {
    "separation": ("age", "stays"),
    "collinear": ("age", "sex", "other"),
    "constant": ("age", "one"),
}
"""Columns of the trainees with which a Cox fit has no answer."""


def of(key: str, label: str) -> Callable[[Peer], Peer]:
    """Register a peer's answer to a row."""

    def register(peer: Peer) -> Peer:
        PEERS.setdefault(key, {})[label] = peer
        return peer

    return register


def told(fit: Callable[[], Figures]) -> str:
    """Say what a user sees of a fit that has no answer: warnings, figures or an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            figures = ", ".join(f"{each:.4g}" for each in fit())
        except Exception as error:  # noqa: BLE001 - whatever the library raises is what is asked
            return f"error: {_short(error)}"
    heard = list(dict.fromkeys(_short(each.message).split(": slice")[0] for each in caught))
    return f"{figures}; " + ("warning: " + " / ".join(heard) if heard else "no warning")


def _short(said: object, most: int = 160) -> str:
    text = " ".join(str(said).split()).split(" Please see")[0]
    return text if len(text) <= most else text[: most - 3] + "..."
