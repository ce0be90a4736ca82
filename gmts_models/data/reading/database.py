"""From a table or a query of an SQL database to columns of cells as they are.

The rows stream in chunks, in a transaction that is read only where the database offers one. No
repr, no error and no comparison shows the url: what a driver says of it is dropped, and replaced by
words that hold neither user nor password nor host.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import pandas as pd

from gmts_models.data.reading import database_errors as errors
from gmts_models.errors import DataError, GmtsError, InputError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, CursorResult, Engine, Inspector

Answer = TypeVar("Answer")

_NAME = "gmts_models"
_LOGGERS = ("sqlalchemy.engine.Engine", "sqlalchemy.pool.impl.NullPool")
_ROWS_AT_ONCE = 5_000
_MOST_SCHEMAS = 20
_READ_ONLY = {"postgresql": "SET TRANSACTION READ ONLY", "sqlite": "PRAGMA query_only = ON"}
_BEFORE_A_QUERY = re.compile(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_READS = re.compile(r"(?:select|with)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Database:
    """A table or a query of an SQL database, to read as one reads a file.

    Parameters
    ----------
    url : of SQLAlchemy: ``postgresql+pg8000://user:password@host/database``, ``sqlite:///file.db``.
        A sign in a password that has a meaning in a url is written as %40 for @, %3A for :, %2F
        for /.
    table : its name, or "schema.table". Its rows come in the order of its primary key, where it
        has one.
    query : a SELECT, or a WITH that ends in one, in place of a table. Its rows come in its own
        order: without ORDER BY that may change from one reading to the next.

    Raises
    ------
    InputError : the url is none, not exactly one of table and query is given, or the query is not
        one statement that reads.

    Notes
    -----
    PostgreSQL and SQLite are told to refuse every change while a query runs. That guards against
    accidents; who may read what is for the permissions of the account to say.
    """

    url: str
    table: str | None = field(default=None, kw_only=True)
    query: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.url, str) or not re.match(r"[a-z][\w+]*://", self.url):
            raise errors.no_url()
        given = [each for each in (self.table, self.query) if each is not None]
        if len(given) != 1 or not isinstance(given[0], str) or not given[0].strip():
            raise InputError(
                "either a table or a query is read from a database",
                where="Database",
                fix='say table="trainees", or query="SELECT ..."',
            )
        if self.query is not None:
            _check_query(self.query)

    def __repr__(self) -> str:
        what = "a query" if self.table is None else f"table={self.table!r}"
        return f"Database({errors.kind_of(self.url)}, {what})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Database) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str | None, str | None]:
        return self.url, self.table, self.query

    @property
    def source(self) -> str:
        """What is read, in words: "table trainees of a PostgreSQL database"."""
        what = "a query" if self.table is None else f"table {self.table}"
        return f"{what} of {errors.kind_of(self.url)}"


def fetch(database: Database) -> tuple[tuple[str, ...], tuple[pd.Series[Any], ...]]:
    """Read all rows.

    Returns
    -------
    names : of the k columns, as the database gives them; they may repeat.
    columns : k of (n,) objects: text, numbers, booleans, dates and times as the driver gives them,
        None = NULL; UUIDs as text, and whole Decimals as integers.

    Raises
    ------
    DataError : the driver is missing, the database cannot be reached or refuses.
    InputError : the url is none, or there is no such table.
    """
    engine = _ask(partial(_engine, database), partial(errors.of_the_url, url=database.url))
    connection = _ask(engine.connect, partial(errors.of_connecting, source=database.source))
    try:
        return _ask(
            partial(_read, connection, database), partial(errors.of_reading, source=database.source)
        )
    finally:
        connection.close()
        engine.dispose()


def _ask(step: Callable[[], Answer], explain: Callable[[Exception], GmtsError]) -> Answer:
    """Return the answer of a driver; or raise our error, to which nothing of its own is tied."""
    try:
        return step()
    except GmtsError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise anything, and it holds the url
        trouble = explain(error)
    raise trouble


def _check_query(query: str) -> None:
    body = query[_BEFORE_A_QUERY.match(query).end() :]  # type: ignore[union-attr]
    if not _READS.match(body):
        raise InputError(
            "the query does not read",
            where="Database, query",
            fix="begin it with SELECT, or with WITH and end it in a SELECT",
        )
    if ";" in query.rstrip().removesuffix(";"):
        raise InputError(
            "the query holds a semicolon, which ends a statement",
            where="Database, query",
            fix="give one statement; where a text in it holds one, make a view of the query",
        )


# ---------------------------------------------------------- connecting


def _engine(database: Database) -> Engine:
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    url = _with_driver(make_url(database.url))
    if url.get_backend_name() == "sqlite":
        _need_file(url)
    url, arguments = _encryption(url)
    # SQLAlchemy logs what drivers say; the name makes these loggers those of our engines alone.
    for logger in _LOGGERS:
        logging.getLogger(f"{logger}.{_NAME}").disabled = True
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args=arguments,
        hide_parameters=True,
        logging_name=_NAME,
        pool_logging_name=_NAME,
    )


def _with_driver(url: URL) -> URL:
    """Choose pg8000 where the url names no driver and the one it then stands for is missing."""
    from importlib.util import find_spec

    if url.drivername == "postgresql" and find_spec("psycopg2") is None:
        return url.set(drivername="postgresql+pg8000")
    return url


def _need_file(url: URL) -> None:
    """Refuse an SQLite file that is not there, since connecting would make it."""
    name = url.database or ":memory:"
    if name != ":memory:" and not name.startswith("file:") and not Path(name).is_file():
        raise DataError(
            "there is no such database file", where=Path(name).name, fix="check the path in the url"
        )


def _encryption(url: URL) -> tuple[URL, dict[str, Any]]:
    """Translate sslmode and sslrootcert, which libpq defines, for pg8000."""
    if url.drivername != "postgresql+pg8000" or "sslmode" not in url.query:
        return url, {}
    import ssl

    mode, root = url.query["sslmode"], url.query.get("sslrootcert")
    url = url.difference_update_query(["sslmode", "sslrootcert"])
    if mode in ("disable", "prefer") or (mode == "require" and root is None):
        return url, {"ssl_context": {"disable": False, "prefer": None, "require": True}[str(mode)]}
    if mode not in ("require", "verify-ca", "verify-full") or isinstance(root, tuple):
        raise InputError(
            "sslmode is not understood",
            where="the url's options",
            fix="write disable, prefer, require, verify-ca or verify-full",
        )
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode == "verify-full"
    return url, {"ssl_context": context}


# ------------------------------------------------------------- reading


def _read(
    connection: Connection, database: Database
) -> tuple[tuple[str, ...], tuple[pd.Series[Any], ...]]:
    if (command := _READ_ONLY.get(connection.dialect.name)) is not None:
        connection.exec_driver_sql(command)
    result = _select(connection, database)
    names = tuple(result.keys())
    cells: list[list[Any]] = [[] for _ in names]
    for rows in result.partitions(_ROWS_AT_ONCE):
        for column, values in zip(cells, zip(*rows, strict=True), strict=True):
            column.extend(map(_plain, values))
    return names, tuple(pd.Series(column, dtype=object) for column in cells)


def _plain(value: Any) -> Any:
    if type(value) is str:
        return sys.intern(value)  # labels repeat, and every row brings them anew
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        return int(value)  # an id may have more digits than a float keeps
    return str(value) if isinstance(value, UUID) else value


def _select(connection: Connection, database: Database) -> CursorResult[Any]:
    import sqlalchemy as sa

    options = {
        "stream_results": True,  # through a cursor of the server
        "yield_per": _ROWS_AT_ONCE,
        "no_parameters": True,  # so that a driver sends % in a query as it is written
        "sqlite_raw_colnames": True,
    }
    if database.query is not None:
        query = database.query.rstrip().removesuffix(";")
        return connection.exec_driver_sql(query, execution_options=options)
    schema, name = _find_table(connection, str(database.table), database.source)
    key = sa.inspect(connection).get_pk_constraint(name, schema=schema)["constrained_columns"]
    statement = (
        sa.select(sa.text("*"))
        .select_from(sa.table(name, schema=schema))
        .order_by(*map(sa.column, key))
    )
    return connection.execute(statement, execution_options=options)


def _as_written(inspector: Inspector, name: str) -> str:
    """Return a table's name in its own case: SQLite finds it in any, its list of keys does not."""
    if inspector.dialect.name != "sqlite":
        return name
    every = [*inspector.get_table_names(), *inspector.get_view_names()]
    alike = [each for each in every if each.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else name


def _find_table(connection: Connection, name: str, source: str) -> tuple[str | None, str]:
    """Return schema and name of a table; a name with a dot may be both or one."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    if inspector.has_table(name):
        return None, _as_written(inspector, name)
    schemas = inspector.get_schema_names()
    for dot in [place for place, sign in enumerate(name) if sign == "."]:
        schema, bare = name[:dot], name[dot + 1 :]
        if schema in schemas and inspector.has_table(bare, schema=schema):
            return schema, bare
    found = [*inspector.get_table_names(), *inspector.get_view_names()]
    others = {inspector.default_schema_name, "information_schema"}
    for each in [each for each in schemas if each not in others][:_MOST_SCHEMAS]:
        tables = [*inspector.get_table_names(schema=each), *inspector.get_view_names(schema=each)]
        found += [f"{each}.{table}" for table in tables]
    raise errors.no_table(name, found, source)
