"""What a search may try, and in which order it tries it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from gmts_models.errors import InputError

Search = Literal["grid", "random", "optuna"]
Params = dict[str, Any]

_DEFAULT_TRIALS = 30
_RANGE_KEYS = frozenset({"low", "high", "log", "int"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`: whole ones or any, even on their scale or on the log scale."""

    low: float
    high: float
    log: bool
    whole: bool


Choice = tuple[Any, ...] | Range


class Proposer(Protocol):
    """Says what is tried next, and is told how good it was."""

    def ask(self, most: int) -> list[Params]:
        """Return up to `most` sets of parameters; none where there are no more."""
        ...

    def tell(self, values: list[float | None]) -> None:
        """Say how good what was asked for last was; None = failed."""
        ...


def read_space(space: Any, known: Mapping[str, Any]) -> dict[str, Choice]:
    """Return what each parameter may be.

    Parameters
    ----------
    space : parameter: list of values, or {"low", "high", "log", "int"}.
    known : parameters of the estimator.

    Raises
    ------
    InputError : a parameter does not exist, or has no values.
    """
    if not isinstance(space, Mapping) or not space:
        raise InputError(
            "space must say what each parameter may be",
            where="Tuned(space=...)",
            fix='for instance {"alpha": [0.1, 1, 10]}',
        )
    if strange := [str(name) for name in space if name not in known]:
        raise InputError(
            f"the estimator has no parameter {strange[0]!r}",
            where="Tuned(space=...)",
            fix=f"one of {', '.join(sorted(known))}",
        )
    return {str(name): _read_choice(str(name), given) for name, given in space.items()}


def _read_choice(name: str, given: Any) -> Choice:
    where = f"Tuned(space=...), {name}"
    if isinstance(given, Mapping):
        return _read_range(given, where)
    if isinstance(given, str) or not hasattr(given, "__len__") or not len(given):
        raise InputError(
            "a parameter has no values to try",
            where=where,
            fix='a list of values, or {"low": 0.01, "high": 100, "log": true}',
        )
    values = tuple(each.item() if isinstance(each, np.generic) else each for each in given)
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError):
        raise InputError(
            "values must be numbers, text, true, false or null, since trials are written down",
            where=where,
        ) from None
    return values


def _read_range(given: Mapping[str, Any], where: str) -> Range:
    fix = '{"low": 0.01, "high": 100}, with "log": true or "int": true where it is meant'
    numbers: list[Any] = [given.get("low"), given.get("high")]
    flags = [given.get("log", False), given.get("int", False)]
    strange = set(given) - _RANGE_KEYS
    if strange or any(not isinstance(each, bool) for each in flags):
        raise InputError("a range has low, high, log and int", where=where, fix=fix)
    real = all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
    if not real or not all(math.isfinite(n) for n in numbers) or not numbers[0] < numbers[1]:
        raise InputError("low and high must be numbers, low below high", where=where, fix=fix)
    log, whole = flags
    if whole and any(n != int(n) for n in numbers):
        raise InputError("low and high of a range of int must be whole", where=where, fix=fix)
    if log and numbers[0] <= 0:
        raise InputError("low of a range on the log scale must be above 0", where=where, fix=fix)
    low, high = map(int if whole else float, numbers)
    return Range(low=low, high=high, log=log, whole=whole)


def most_trials(
    search: Search, space: Mapping[str, Choice], trials: int | None, timed: bool
) -> int:
    """Return how many trials there are at most, without the limit of time."""
    listed = _grid_size(space)
    if trials is not None:
        return trials if listed is None or search == "optuna" else min(trials, listed)
    if search != "optuna" and listed is not None and (search == "grid" or timed):
        return listed
    if timed:
        return 10**9
    return _DEFAULT_TRIALS if listed is None else min(_DEFAULT_TRIALS, listed)


def _grid_size(space: Mapping[str, Choice]) -> int | None:
    """Return the number of combinations; None where there is a range."""
    sizes = [None if isinstance(each, Range) else len(each) for each in space.values()]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


@contextmanager
def proposing(
    search: Search, space: Mapping[str, Choice], seed: int, *, lower_is_better: bool
) -> Iterator[Proposer]:
    """Give who proposes; Optuna is silent for as long.

    Raises
    ------
    InputError : a grid is asked for of a range, or Optuna is not installed.
    """
    match search:
        case "grid":
            yield _Listed(_grid(space))
        case "random":
            yield _Listed(_draws(space, np.random.default_rng(seed)))
        case "optuna":
            optuna = _import_optuna()
            before = optuna.logging.get_verbosity()
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            try:
                yield _Optuna(optuna, space, seed, lower_is_better)
            finally:
                optuna.logging.set_verbosity(before)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise InputError(
            "Optuna is not installed",
            where='Tuned(search="optuna")',
            fix='pip install "gmts-models[optuna]", or search="random"',
        ) from None
    return optuna


class _Listed:
    """Candidates whose order does not depend on how good they are."""

    def __init__(self, candidates: Iterator[Params]) -> None:
        self._candidates = candidates

    def ask(self, most: int) -> list[Params]:
        return list(itertools.islice(self._candidates, most))

    def tell(self, values: list[float | None]) -> None:
        pass


class _Optuna:
    """A tree-structured Parzen estimator: one trial after the other."""

    def __init__(
        self, optuna: Any, space: Mapping[str, Choice], seed: int, lower_is_better: bool
    ) -> None:
        self._space = space
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(
            storage=None,
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="minimize" if lower_is_better else "maximize",
        )
        self._trial: Any = None

    def ask(self, most: int) -> list[Params]:
        if most < 1:
            return []
        self._trial = self._study.ask()
        return [{name: self._suggest(name, choice) for name, choice in self._space.items()}]

    def _suggest(self, name: str, choice: Choice) -> Any:
        if not isinstance(choice, Range):
            return choice[self._trial.suggest_categorical(name, list(range(len(choice))))]
        suggest: Callable[..., Any] = (
            self._trial.suggest_int if choice.whole else self._trial.suggest_float
        )
        return suggest(name, choice.low, choice.high, log=choice.log)

    def tell(self, values: list[float | None]) -> None:
        for value in values:  # one
            if value is None:
                self._study.tell(self._trial, state=self._failed)
            else:
                self._study.tell(self._trial, value)


def _grid(space: Mapping[str, Choice]) -> Iterator[Params]:
    """Return every combination, the last parameter changing fastest."""
    for name, each in space.items():
        if isinstance(each, Range):
            raise InputError(
                "a grid needs lists of values",
                where=f"Tuned(space=...), {name}",
                fix='give a list, or search="random"',
            )
    lists = [each for each in space.values() if not isinstance(each, Range)]
    return (dict(zip(space, values, strict=True)) for values in itertools.product(*lists))


def _draws(space: Mapping[str, Choice], rng: np.random.Generator) -> Iterator[Params]:
    """Draw anew each time; where all are lists, each combination once in random order."""
    if _grid_size(space) is not None:
        every = list(_grid(space))
        for place in rng.permutation(len(every)):
            yield every[place]
        return
    while True:
        yield {name: _draw(choice, rng) for name, choice in space.items()}


def _draw(choice: Choice, rng: np.random.Generator) -> Any:
    if not isinstance(choice, Range):
        return choice[int(rng.integers(len(choice)))]
    low, high = choice.low, choice.high
    if choice.whole and not choice.log:
        return int(rng.integers(int(low), int(high) + 1))
    if choice.whole:  # each whole number by its share of the log scale
        drawn = math.exp(rng.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return int(min(max(round(drawn), low), high))
    if choice.log:
        return float(min(max(math.exp(rng.uniform(math.log(low), math.log(high))), low), high))
    return float(rng.uniform(low, high))
