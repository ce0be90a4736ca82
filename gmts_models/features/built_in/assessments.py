"""What assessments tell: exams, competencies, and progress against what the scheme expects.

What is not among the records has not been: none is a zero. But the table may not reach back so far.
Of a trainee without any record, who started before the table's first, nothing is known after the
start. A record without a subject is a competency of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.data.contract.tables import ASSESSMENTS, PLACEMENTS
from gmts_models.data.months import months_between, to_days
from gmts_models.features.attribute import Attribute
from gmts_models.features.known import Known
from gmts_models.outcome import Bools, Floats, Ints

FIRST_SHARE = 0.4
LAST_SHARE = 0.9
"""Of the competencies, signed off by the end of the first and of the second placement: the scheme's
aim, as a trainee's blog tells it."""

_PLACED = tuple(
    f"{PLACEMENTS.name}.{name}" for name in ("start_date", "end_date", "placement_type")
)


def _tells(known: Known) -> Bools:
    """Return (n,) bool: of whom the table tells, be it that there was nothing."""
    told = known.number_of_records(ASSESSMENTS.name) > 0
    told |= known.first_record(ASSESSMENTS.name) <= known.start
    return np.asarray(told | (known.on <= known.start))


def _of_type(known: Known, kind: str) -> pd.DataFrame:
    """Return the records of one type, oldest first within a row."""
    found = known.records(ASSESSMENTS.name)
    of_type = (found["assessment_type"] == kind).to_numpy(bool, na_value=False)
    found = found[of_type]
    found.index = pd.RangeIndex(len(found))
    return found


def _number(known: Known, row: Ints) -> Floats:
    return np.bincount(row, minlength=len(known)).astype(float)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return (n,) part / whole; NaN where the whole is 0 or not known."""
    ratio = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


# ---------------------------------------------------------------- exams


def _results(known: Known) -> tuple[Floats, Floats]:
    """Return (n,) exams passed and sittings failed.

    NaN for those of whom the table does not tell, or who sat exams without any result so far.
    """
    exams = _of_type(known, "exam")
    result = exams["passed"].astype("boolean")
    out = result.notna().to_numpy(bool)
    well = result.to_numpy(bool, na_value=False)
    row = exams["row"].to_numpy(np.int64)
    silent = (_number(known, row) > 0) & (_number(known, row[out]) == 0)
    counts = [_number(known, row[out & passed]) for passed in (well, ~well)]
    told = _tells(known) & ~silent
    passed, failed = (np.where(told, count, np.nan) for count in counts)
    return passed, failed


def _exams_passed(known: Known) -> Floats:
    return _results(known)[0]


def _exams_failed(known: Known) -> Floats:
    return _results(known)[1]


def _exam_pass_rate(known: Known) -> Floats:
    passed, failed = _results(known)
    return _ratio(passed, passed + failed)


# --------------------------------------------------------- competencies


def _latest_by_subject(competencies: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the latest value of each competency of each row that has one, with its row."""
    told = competencies[competencies[column].notna()].copy()
    subject = pd.factorize(told["subject"])[0].astype(np.int64)
    told["code"] = np.where(subject < 0, -1 - np.arange(len(told)), subject)
    # Of two values on one day the greater counts, whatever the order of the records.
    told = told.sort_values(["row", "code", "date", column], kind="stable")
    return told.drop_duplicates(["row", "code"], keep="last")


def _signed_off(known: Known) -> Floats:
    return _number_signed_off(known, _of_type(known, "competency"))


def _number_signed_off(known: Known, competencies: pd.DataFrame) -> Floats:
    latest = _latest_by_subject(competencies, "signed_off")
    done = latest["signed_off"].astype("boolean").to_numpy(bool, na_value=False)
    row = latest["row"].to_numpy(np.int64)
    silent = (_number(known, competencies["row"].to_numpy()) > 0) & (_number(known, row) == 0)
    return np.where(_tells(known) & ~silent, _number(known, row[done]), np.nan)


def _progress(known: Known) -> Floats:
    competencies = _of_type(known, "competency")
    told = competencies[competencies["framework_size"].notna()]
    told = told.sort_values(["row", "date", "framework_size"], kind="stable")
    size = np.full(len(known), np.nan)
    size[told["row"].to_numpy()] = told["framework_size"].to_numpy(float)  # the last one counts
    return np.asarray(_number_signed_off(known, competencies) / size, dtype=float)


def _mean_rating(known: Known) -> Floats:
    competencies = _of_type(known, "competency")
    latest = _latest_by_subject(competencies, "rating").sort_values(["row", "rating"])
    row = latest["row"].to_numpy(np.int64)
    total = np.bincount(row, latest["rating"].to_numpy(float), len(known)).astype(float)
    return _ratio(total, _number(known, row))


# ------------------------------------------------- against what is expected


def _against_expected(known: Known) -> Floats:
    length = months_between(known.start, known.trainee("scheme_end_date"))
    placed = all(known.has(source) for source in _PLACED)
    first_end = _first_end(known, length / 2) if placed else length / 2
    return _progress(known) - expected_share(known.months, first_end, length)


def expected_share(months: Floats, first_end: Floats, length: Floats) -> Floats:
    """Return the share of the competencies that should be signed off by now.

    A straight line from 0 at the start to 40 % at the end of the first placement, another from
    there to 90 % at the end of the scheme, and 90 % after it.

    Parameters
    ----------
    months : (n,) since the start.
    first_end : (n,) months from the start to the end of the first placement, above 0.
    length : (n,) months that the scheme takes.

    Returns
    -------
    (n,) shares; NaN where something is not known, and before the start.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        before = FIRST_SHARE * months / first_end
        part = (months - first_end) / (length - first_end)
        after = FIRST_SHARE + (LAST_SHARE - FIRST_SHARE) * np.where(months >= length, 1.0, part)
        share = np.where(months <= first_end, before, after)
        return np.where((months >= 0) & (first_end > 0) & (length > 0), share, np.nan)


def _first_end(known: Known, assumed: Floats) -> Floats:
    """Return (n,) months from the start to the end of the first placement, as far as is known.

    It is over on its last day, or where that is not told on the day a later placement began. One
    that goes on past the assumed end ends no earlier than on the prediction date. Where no
    placement tells, the end is the assumed one.
    """
    found = known.records(PLACEMENTS.name)
    row = found["row"].to_numpy(np.int64)
    kind = found["placement_type"]
    first = (kind == "first").to_numpy(bool, na_value=False)
    later = kind.isin(["flexi", "second"]).to_numpy(bool)
    ends = months_between(known.start[row], found["end_date"])
    begins = months_between(known.start[row], found["start_date"])
    closed = np.full(len(known), -np.inf)
    np.maximum.at(closed, row[first], np.nan_to_num(ends[first], nan=np.inf))
    left = np.full(len(known), np.inf)
    np.fmin.at(left, row[later], begins[later])
    over = np.where(np.isfinite(closed), closed, left)
    over = np.where(
        np.isposinf(over), np.where(closed > 0, np.fmax(assumed, known.months), 0), over
    )
    return np.where(over > 0, over, assumed)


# ------------------------------------------------------------ attributes


def _months_since(known: Known) -> Floats:
    found = known.records(ASSESSMENTS.name)
    last = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[D]")
    last[found["row"].to_numpy()] = to_days(found["date"])  # oldest first: the last one counts
    return months_between(last, known.on)


def _sources(*names: str) -> tuple[str, ...]:
    return tuple(f"{ASSESSMENTS.name}.{name}" for name in ("assessment_type", *names))


_PROGRESS = (*_sources("subject", "signed_off", "framework_size"), "start_date")

ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        name="exams_passed",
        kind="number",
        meaning="exams passed so far",
        unit="exams",
        sources=(*_sources("passed"), "start_date"),
        derive=_exams_passed,
    ),
    Attribute(
        name="exams_failed",
        kind="number",
        meaning="sittings of exams failed so far",
        unit="sittings",
        sources=(*_sources("passed"), "start_date"),
        derive=_exams_failed,
    ),
    Attribute(
        name="exam_pass_rate",
        kind="number",
        meaning="share of the sittings with a result that were passed",
        unit="share",
        sources=(*_sources("passed"), "start_date"),
        derive=_exam_pass_rate,
    ),
    Attribute(
        name="competencies_signed_off",
        kind="number",
        meaning="competencies signed off, by the latest record of each",
        unit="competencies",
        sources=(*_sources("subject", "signed_off"), "start_date"),
        derive=_signed_off,
    ),
    Attribute(
        name="competency_progress",
        kind="number",
        meaning="competencies signed off, as a share of those the programme asks for",
        unit="share",
        sources=_PROGRESS,
        derive=_progress,
    ),
    Attribute(
        name="progress_against_expected",
        kind="number",
        meaning="share signed off less the share expected by now: 40 % at the end of the first"
        " placement (half of the scheme where that is not known), 90 % at the end of the scheme",
        unit="share",
        sources=(*_PROGRESS, "scheme_end_date"),
        optional=_PLACED,
        derive=_against_expected,
        moves=True,
    ),
    Attribute(
        name="mean_rating",
        kind="number",
        meaning="mean of the latest rating of each competency",
        unit="1 to 5",
        sources=_sources("subject", "rating"),
        derive=_mean_rating,
    ),
    Attribute(
        name="months_since_assessment",
        kind="number",
        meaning="time since the last rating or result",
        unit="months",
        sources=_sources(),
        derive=_months_since,
        moves=True,
    ),
)

ON_REQUEST = ("exam_pass_rate", "competencies_signed_off", "competency_progress")
"""The first follows from the exams passed and failed where each has sat one. The others differ from
the progress against what is expected only by the number of competencies and the time."""
