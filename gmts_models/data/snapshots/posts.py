"""One row for each person in post on each date: the main post.

Of several rows the one with the most hours counts. Between equal hours it is the post at the
organisation of the person's snapshot before, then the first by the alphabet of what the rows say:
never the order in which they came.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.data.checking.records import split_by
from gmts_models.data.checking.rejections import Problem, Violation
from gmts_models.data.snapshots.contract import POST
from gmts_models.data.snapshots.rows import Rows
from gmts_models.outcome import Bools, Ints

REPEATED = Problem(
    reason="the row repeats an earlier one",
    fix="nothing to do: one of the identical rows counts; remove the copies",
)
SECOND_POST = Problem(
    reason="the person has another post with more hours in this snapshot",
    fix="nothing to do: the other row is the main post",
)
EQUAL_POST = Problem(
    reason="the person has another post with as many hours in this snapshot",
    fix="nothing to do: the main post is that at the organisation of the snapshot before, else the "
    "first by the alphabet",
)
ENDED_POST = Problem(
    reason="the person is in post in this snapshot by another row",
    fix="nothing to do: a post ended, and the person stayed",
)


def main_posts(rows: Rows) -> tuple[Ints, list[Violation], list[Violation]]:
    """Choose a row for each person and date.

    Parameters
    ----------
    rows : with all that leavers tell.

    Returns
    -------
    chosen : (m,) positions of rows in post, by person and date, one for each.
    repeated : identical copies, which are rejected.
    others : further rows of people in post, which do not count, though nothing is wrong.
    """
    key = rows.person * (len(rows.dates) + 1) + rows.when
    post = np.flatnonzero(rows.in_post)
    post = post[np.argsort(key[post], kind="stable")]
    ended = np.flatnonzero(rows.counts & rows.ended)
    beside = ended[np.isin(key[ended], key[post])]
    if not (np.diff(key[post]) == 0).any():  # nobody has two rows
        return post, [], _told(beside, ENDED_POST)
    repeated = _copies(rows, np.flatnonzero(rows.counts))
    post = post[~repeated[post]]
    beside = beside[~repeated[beside]]
    chosen, equal = _choose(rows, post, key)
    second = np.ones(len(key), dtype=bool)
    second[chosen] = False
    rest = post[second[post]]
    others = [
        *_told(rest[~equal[rest]], SECOND_POST),
        *_told(rest[equal[rest]], EQUAL_POST),
        *_told(beside, ENDED_POST),
    ]
    return chosen, _told(np.flatnonzero(repeated), REPEATED), others


def _told(rows: Ints, problem: Problem) -> list[Violation]:
    return [Violation(rows=rows, column="trainee_id", problem=problem)] if len(rows) else []


def _copies(rows: Rows, among: Ints) -> Bools:
    """Return (n,) bool: rows in which every column is as in an earlier one."""
    key = pd.DataFrame({"person": rows.person[among], "when": rows.when[among]})
    among = among[key.duplicated(keep=False).to_numpy()]
    content: dict[str, object] = {}
    for name, parsed in rows.records.columns.items():
        content[name] = parsed.array[among]
        content[f"{name}, bad"] = parsed.bad[among]
    copies = np.zeros(len(rows.person), dtype=bool)
    copies[among] = pd.DataFrame(content).duplicated(keep="first").to_numpy()
    return copies


def _choose(rows: Rows, post: Ints, key: Ints) -> tuple[Ints, Bools]:
    """Return the main post of each key, and (n,) bool: rows with as many hours as it."""
    hours = rows.records.floats("fte")
    hours = np.where(np.isnan(hours), -1.0, hours)
    shared = np.flatnonzero(pd.Series(key[post]).duplicated(keep=False).to_numpy())
    rank = np.zeros(len(post), dtype=np.int64)
    best = np.lexsort((*_content(rows, post[shared]), -hours[post[shared]]))
    rank[shared[best]] = np.arange(len(shared))
    order = post[np.lexsort((rank, key[post]))]
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(order)))
    equal = hours[order] == hours[order[first]][group]
    chosen = order[first]
    tied = np.bincount(group, weights=equal) > 1
    organisation = pd.factorize(rows.records.text("organisation"))[0]
    person, when = rows.person[chosen], rows.when[chosen]
    tied[1:] &= person[1:] == person[:-1]  # nothing comes before a person's first
    tied[:1] = False
    candidates = np.flatnonzero(tied[group] & equal)
    # A tie may hang on the tie before it, so that they are settled date by date.
    for now in split_by(candidates, when[group[candidates]]):
        before = organisation[chosen[group[now] - 1]]
        same = now[(organisation[order[now]] == before) & (before >= 0)]
        groups, where = np.unique(group[same], return_index=True)
        chosen[groups] = order[same[where]]
    as_many = np.zeros(len(key), dtype=bool)
    as_many[order[equal]] = True
    return chosen, as_many


def _content(rows: Rows, post: Ints) -> list[Ints]:
    """Return what rows say as codes, the least important first, for sorting."""
    last = [name for name in rows.records.columns if name not in POST]
    codes = []
    for name in (*reversed(last), *reversed(POST)):
        if name in rows.records and name not in ("trainee_id", "snapshot_date"):
            values = rows.records.columns[name].array[post]
            codes.append(pd.factorize(values, sort=True)[0].astype(np.int64))
    return codes
