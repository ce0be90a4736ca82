"""Numbers and names as a reader sees them; nothing here ever prints "nan"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date

from markupsafe import Markup

from gmts_models.disclosure import SUPPRESSED, show_count

MISSING = "–"
TOO_FEW = "too few"
NOT_ESTIMABLE = "not estimable"
NO_INTERVAL = "no interval"

_NARROW_SPACE = "\u202f"
_MINUS = "\u2212"

SCHEMES = {
    "leave_one_cohort_out": "Each cohort was predicted by models that had not seen it.",
    "temporal": "The latest cohorts were predicted by models fitted to the earlier ones.",
    "k_fold": "Each part of the people was predicted by models fitted to the other parts.",
}


def percent(value: float, decimals: int = 0) -> str:
    """Print a share: 0.891 as "89 %"; a share short of all is never printed as 100 %."""
    if math.isnan(value):
        return MISSING
    return f"{_percent_number(value, decimals)}{_NARROW_SPACE}%"


def percent_limits(lower: float, upper: float, decimals: int = 0) -> str:
    """Print an interval of shares: "84 to 93"."""
    if math.isnan(lower) or math.isnan(upper):
        return NO_INTERVAL
    return f"{_percent_number(lower, decimals)} to {_percent_number(upper, decimals)}"


def _percent_number(value: float, decimals: int) -> str:
    shown = f"{100 * value:.{decimals}f}"
    if value < 1 and float(shown) >= 100:
        return f"over {100 - 10**-decimals:.{decimals}f}"
    if value > 0 and float(shown) <= 0:
        return f"under {10**-decimals:.{decimals}f}"
    return shown


def decimals_for(widths: Iterable[float]) -> int:
    """Return 1 where intervals are so narrow that whole per cents would hide them, else 0."""
    known = sorted(width for width in widths if not math.isnan(width))
    return int(bool(known) and known[len(known) // 2] < 0.025)


def number(value: float, decimals: int = 3) -> str:
    """Print a score: "0.142"."""
    if math.isnan(value):
        return MISSING
    return f"{value:.{decimals}f}".replace("-", _MINUS)


def points(value: float) -> str:
    """Print a share that may be negative: 0.047 as "4.7 %"."""
    return MISSING if math.isnan(value) else f"{number(100 * value, 1)}{_NARROW_SPACE}%"


def signed(value: float, decimals: int = 3) -> str:
    """Print a difference: "+0.012"."""
    if math.isnan(value):
        return MISSING
    if float(f"{value:.{decimals}f}") == 0:
        return f"{0:.{decimals}f}"
    return f"{value:+.{decimals}f}".replace("-", _MINUS)


def limits(lower: float, upper: float, decimals: int = 3) -> str:
    """Print an interval: "0.131 to 0.153"."""
    if math.isnan(lower) or math.isnan(upper):
        return NO_INTERVAL
    return f"{number(lower, decimals)} to {number(upper, decimals)}"


def signed_limits(lower: float, upper: float, decimals: int = 3) -> str:
    """Print an interval of a difference: "−0.010 to +0.002"."""
    if math.isnan(lower) or math.isnan(upper):
        return NO_INTERVAL
    return f"{signed(lower, decimals)} to {signed(upper, decimals)}"


def with_limits(estimate: str, interval: str) -> Markup:
    """Put an estimate and its interval into one cell."""
    return Markup('<b class="est">{}</b> <span class="ci">({})</span>').format(estimate, interval)


def ratio(value: float) -> str:
    """Print a ratio: "1.26", "0.083", "14", "over 1,000"; near 1 with a third decimal."""
    if math.isnan(value):
        return MISSING
    if value > 1000:
        return "over 1,000"
    if 0 < value < 0.001:
        return "under 0.001"
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.{3 if value < 0.1 else 2}f}"


def ratio_limits(value: float, lower: float, upper: float) -> str:
    """Print the interval of a ratio: "1.01 to 1.58"."""
    if math.isnan(value) or math.isnan(lower) or math.isnan(upper):
        return NO_INTERVAL
    return f"{ratio(lower)} to {ratio(upper)}"


def spaced(name: str) -> str:
    """Print the name of a column: "cohort year" for cohort_year."""
    return name.replace("_", " ")


def count(value: float | None) -> str:
    """Print a count of people; a suppressed one as "*"."""
    return SUPPRESSED if value is None else show_count(value)


def months(value: float) -> str:
    """Print a horizon: "12 months"."""
    return f"{value:g} month{'' if value == 1 else 's'}"


def prediction_date(at: str, landmarks: Sequence[int] = ()) -> str:
    """Say when risk is asked: "12 months after the start".

    Parameters
    ----------
    at : "start", a number of months, a day as "2021-09-01", or "scheme_end".
    landmarks : several, in months since the start.
    """
    if len(landmarks) > 1:
        return f"{in_words(map(str, landmarks))} months after the start"
    if landmarks:
        return f"{months(landmarks[0])} after the start"
    if at == "scheme_end":
        return "on the day the scheme ends"
    if at == "start":
        return "on the start date"
    if at.isdecimal():
        return f"{months(float(at))} after the start"
    return f"on {day(date.fromisoformat(at))}"


def level(value: float) -> str:
    """Print the level of intervals: "95 %"."""
    return f"{100 * value:g}{_NARROW_SPACE}%"


def day(moment: date) -> str:
    """Print a day as "24 November 2026"."""
    names = "January February March April May June July August September October November December"
    return f"{moment.day} {names.split()[moment.month - 1]} {moment.year}"


def in_words(names: Iterable[str]) -> str:
    """Join names: "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
