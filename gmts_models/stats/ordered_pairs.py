"""Sums over pairs that are ordered in two things at once, in n log n array operations."""

from __future__ import annotations

import numpy as np

from gmts_models.outcome import Floats, Ints


def sum_over_ordered_pairs(
    group: Ints, value: Floats | Ints, first: Floats, second: Floats
) -> tuple[Floats, Floats]:
    """Sum over the pairs whose first member has the lower group and the lower value.

    Parameters
    ----------
    group, value : (n,) int and float; a pair (i, j) counts where group[i] < group[j] and
        value[i] < value[j].
    first : (n,) float, weight of i as the first of a pair.
    second : (n,) float, weight of j as the second.

    Returns
    -------
    (before, after) : each (n,) float. ``before[j]`` is the sum of first[i] over the pairs that end
    in j, ``after[i]`` the sum of second[j] over those that begin with i.

    Notes
    -----
    Rows stand in order of group in blocks of a power of 2, each block in order of value. A level
    counts the pairs between the halves of each block by cumulated sums, then takes the halves as
    the next blocks, still in order. A block within one group holds no pair and is left out: few
    distinct groups need few levels.
    """
    n = len(group)
    before, after = np.zeros(n), np.zeros(n)
    if n == 0:
        return before, after
    # Among equal groups the higher value stands first, among equal values the later row: neither
    # can then be taken for an ordered pair.
    place = _stable_order(group, np.argsort(-value, kind="stable"))
    by_value = n - 1 - np.argsort(value[place[::-1]], kind="stable")
    size = 1 << max(n - 1, 1).bit_length()
    ahead, behind = (np.concatenate([each[place], np.zeros(size - n)]) for each in (first, second))
    held = np.concatenate([group[place], np.full(size - n, group[place[-1]])])
    sums = np.zeros((2, size))
    rows: Ints = np.concatenate([by_value, np.arange(n, size)])
    block: Ints = np.zeros(1, dtype=np.int64)
    while size > 1 and len(rows):
        half = size // 2
        late = (rows & half) != 0
        left, right = rows[~late], rows[late]
        block_of = np.repeat(np.arange(len(block)), half)
        lefts_before = np.flatnonzero(late) - np.arange(len(right)) + block_of
        rights_before = np.flatnonzero(~late) - np.arange(len(left)) + block_of
        sums[0, right] += _cumulate(ahead[left], half)[lefts_before]
        sums[1, left] += _cumulate(behind[right], half, backward=True)[rights_before]
        rows = np.stack([left.reshape(-1, half), right.reshape(-1, half)], axis=1)
        rows = rows.reshape(-1, half)
        block = np.stack([2 * block, 2 * block + 1], axis=1).reshape(-1)
        several = held[block * half] != held[block * half + half - 1]
        rows, block = rows[several].reshape(-1), block[several]
        size = half
    before[place], after[place] = sums[:, :n]
    return before, after


def sum_over_tied_pairs(
    group: Ints, value: Ints, first: Floats, second: Floats
) -> tuple[Floats, Floats]:
    """Sum over the pairs with equal values whose first member has the lower group.

    Parameters and returns are those of `sum_over_ordered_pairs`, with values as int codes.
    """
    n = len(group)
    before, after = np.zeros(n), np.zeros(n)
    order = np.lexsort((group, value))
    new_value = np.diff(value[order], prepend=value[order[:1]] - 1) != 0
    new_run = new_value | (np.diff(group[order], prepend=group[order[:1]] - 1) != 0)
    value_start = np.flatnonzero(new_value)[np.cumsum(new_value) - 1]
    run = np.cumsum(new_run) - 1
    run_start = np.append(np.flatnonzero(new_run), n)
    value_end = np.append(np.flatnonzero(new_value), n)[np.cumsum(new_value)]
    ahead = np.concatenate([[0.0], np.cumsum(first[order])])
    behind = np.concatenate([np.cumsum(second[order][::-1])[::-1], [0.0]])
    before[order] = ahead[run_start[run]] - ahead[value_start]
    after[order] = behind[run_start[run + 1]] - behind[value_end]
    return before, after


def _stable_order(code: Ints, order: Ints) -> Ints:
    """Sort rows that are in `order` by code, keeping that order within equal codes."""
    lowest, highest = int(code.min()), int(code.max())
    key = code[order] - lowest
    if highest - lowest < 2**16:
        key = key.astype(np.uint16)  # sorted by counting, many times quicker
    return np.asarray(order[np.argsort(key, kind="stable")])


def _cumulate(values: Floats, width: int, *, backward: bool = False) -> Floats:
    """Cumulate rows of `width` values; each has a 0 where its sum begins. Returns them flat."""
    table = np.zeros((len(values) // width, width + 1))
    rows = values.reshape(-1, width)
    if backward:
        table[:, :-1] = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1]
    else:
        np.cumsum(rows, axis=1, out=table[:, 1:])
    return table.reshape(-1)
