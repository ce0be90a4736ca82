"""A client of MLflow that keeps quiet, gives up soon, and fails in one way."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gmts_models.errors import GmtsError, PublishError

# MLflow waits for minutes by default; a run must not hang on a tracker that is down. Whoever
# needs more time sets the variable.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_LONGEST_MESSAGE = 300
_SECRET = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@contextmanager
def tracker(uri: str, *, fix: str) -> Iterator[Any]:
    """Give an ``MlflowClient`` on `uri`; whatever goes wrong inside becomes a PublishError.

    Parameters
    ----------
    uri : address of the tracker.
    fix : what the error proposes.
    """
    with tracker_errors(uri, fix=fix):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        try:
            yield client
        finally:
            _close(client)


def _close(client: Any) -> None:
    """Close the database, which MLflow keeps open for good.

    Its file could not be moved on Windows, and one put in its place would not be seen. Others
    who use the same engine connect again by themselves.
    """
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    if (engine := getattr(store, "engine", None)) is not None:
        engine.dispose()


@contextmanager
def tracker_errors(uri: str, *, fix: str) -> Iterator[None]:
    """Turn what MLflow and its back ends raise inside into a PublishError, without noise.

    MLflow reports errors of requests, SQLAlchemy, alembic, sqlite and of the clients of cloud
    stores as they come: there is no common base to catch.
    """
    try:
        with _quiet():
            yield
    except GmtsError:
        raise
    except Exception as error:  # noqa: BLE001 - see the docstring
        what, better = _schema_problem(error, uri) or (_describe(error), fix)
        cause = None if _SECRET.search(uri) else error
        raise PublishError(what, where=hide_password(uri), fix=better) from cause


def hide_password(text: str) -> str:
    """Replace the user and password in every address within `text`."""
    return _SECRET.sub("***", text)


@contextmanager
def _quiet() -> Iterator[None]:
    """Set the limits and lower MLflow's voice, and put everything back afterwards."""
    # Read on import: no look-up of MLflow's telemetry host, and no file in the user's home.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    unset = [name for name in _LIMITS if name not in os.environ]
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic", "sqlalchemy", "urllib3")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow's dependencies deprecate is not ours
        import mlflow  # noqa: F401 - sets up its loggers, so it comes before theirs are lowered

        levels = [logger.level for logger in loggers]
        os.environ.update({name: _LIMITS[name] for name in unset})
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)  # what is raised is told once, by us
            yield
        finally:
            for name in unset:
                os.environ.pop(name, None)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _describe(error: Exception) -> str:
    """Say what went wrong in one line, without statements, values or passwords."""
    lines = hide_password(str(_database_error(error) or error)).strip().splitlines()
    line = lines[0] if lines else ""
    if len(line) > _LONGEST_MESSAGE:
        line = line[:_LONGEST_MESSAGE] + " ..."
    return f"MLflow could not be reached or did not take the run: {type(error).__name__}: {line}"


def _database_error(error: BaseException | None) -> BaseException | None:
    """Return what the database itself said, if it did; SQLAlchemy's text holds the statement."""
    while error is not None:
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException):
            return original
        error = error.__cause__ or error.__context__
    return None


def _schema_problem(error: Exception, uri: str) -> tuple[str, str] | None:
    """Return what is wrong with the database's version and how to mend it, if that is it.

    MLflow calls a database "out-of-date" when it is too new as well.
    """
    text = str(error)
    found = re.search(r"out-of-date database schema \(found version (\w+)", text)
    if found is None and "Can't locate revision" not in text:
        return None
    if found and _knows_revision(found[1]):
        return (
            "the tracker's database was written by an older MLflow",
            f"copy it, then: mlflow db upgrade {hide_password(uri)}",
        )
    return (
        "the tracker's database was written by a newer MLflow than the one installed here",
        "pip install --upgrade mlflow, or use another store (GMTS_HOME) and publish the run "
        "folders there: a database does not go back to an older version",
    )


def _knows_revision(revision: str) -> bool:
    import mlflow

    steps = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    return any(steps.glob(f"{revision}*.py"))
