"""What can go wrong, said so that the reader can mend it: what, where, how.

No text of an error holds a value from a person's record: rows are named by number,
columns by name.
"""

from __future__ import annotations


class GmtsError(Exception):
    """Base of every error that this package raises on purpose.

    Parameters
    ----------
    what : the problem, in one sentence.
    where : file, column, rows, key or argument.
    fix : what to do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders when folds run in parallel.
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(kind: type[GmtsError], what: str, where: str | None, fix: str | None) -> GmtsError:
    return kind(what, where=where, fix=fix)


class InputError(GmtsError, ValueError):
    """An argument or a table is not what the function takes."""


class InputTypeError(InputError, TypeError):
    """An argument is of a type that the function does not take."""


class DataError(GmtsError, ValueError):
    """A data file cannot be read, or holds no usable records."""


class ConfigError(GmtsError, ValueError):
    """An experiment's configuration is not valid."""


class NotEstimableError(GmtsError, ValueError):
    """The data hold no information on what was asked."""


class FitError(GmtsError, RuntimeError):
    """A model cannot be fitted to these data."""


class PublishError(GmtsError, RuntimeError):
    """Results are safe in the run folder but did not reach the tracker."""

    exit_code = 3


class SampleSizeWarning(UserWarning):
    """There are fewer people than a model of so many columns needs."""
