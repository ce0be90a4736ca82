"""Cases of R that no check covers, and why."""

from __future__ import annotations

LEFT_OUT: dict[tuple[str, str], str] = {}
