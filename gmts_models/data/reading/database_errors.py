"""What is said where a database cannot be read: never a word of the url, nor a value.

What a driver says may hold the host, the user, the query and values of it; its code tells enough.
"""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Sequence
from typing import Any

from gmts_models.errors import DataError, GmtsError, InputError

KINDS = {
    "mariadb": "a MariaDB database",
    "mssql": "an SQL Server database",
    "mysql": "a MySQL database",
    "oracle": "an Oracle database",
    "postgresql": "a PostgreSQL database",
    "sqlite": "an SQLite database",
}
"""Dialects of SQLAlchemy in words."""

_PACKAGES = {"MySQLdb": "mysqlclient"}
"""Of drivers whose package is called otherwise."""

_MOST_NAMES = 10
_ACCOUNT = (
    "the server refuses the account",
    "check user, password and database in the url, and whether the server wants encryption: "
    "?sslmode=require",
)
_STATES = {
    "28P01": _ACCOUNT,
    "28000": _ACCOUNT,
    "3D000": ("the server has no database of this name", "check the end of the url"),
    "53300": ("the server takes no more connections", "try again later"),
    "42501": ("the account may not read this", "ask for the right to SELECT from it"),
    "42P01": ("the query names a table that is not there", "check its name and its schema"),
    "42703": ("the query names a column that is not there", "check its name"),
    "42601": ("the query is not valid SQL", "run it in a client of the database, which says more"),
    "25006": ("the query would change the database", "give one that only reads"),
}
"""SQLSTATE codes (PostgreSQL 15, appendix A): what, fix."""


def dialect_of(url: str) -> str:
    """Return the dialect that a url begins with, "sql" where it is none that is known."""
    name = url.partition(":")[0].partition("+")[0]
    name = {"postgres": "postgresql"}.get(name, name)
    return name if name in KINDS else "sql"


def kind_of(url: str) -> str:
    """Return what a url leads to, in words that hold nothing of it: "a PostgreSQL database"."""
    return KINDS.get(dialect_of(url), "an SQL database")


def no_url() -> InputError:
    """Return the error for a text that is no url."""
    return InputError(
        "the url of the database is not one of SQLAlchemy",
        where="Database, url",
        fix="write it as postgresql+pg8000://user:password@host/database, or sqlite:///file.db; "
        "signs in a password such as @ : / are written %40 %3A %2F",
    )


def of_the_url(error: Exception, *, url: str) -> GmtsError:
    """Explain why there is no way to a database: the url, or a driver that is missing."""
    from sqlalchemy.exc import NoSuchModuleError

    if isinstance(error, NoSuchModuleError):
        postgres = dialect_of(url) == "postgresql"
        return InputError(
            "SQLAlchemy does not know this kind of database, or this driver",
            where="Database, url",
            fix="begin the url with postgresql+pg8000://"
            if postgres
            else "check how the url begins, or install the package with its dialect",
        )
    if isinstance(error, ImportError):
        name = error.name or "the driver"
        known = dialect_of(url) == "postgresql"
        command = 'pip install "gmts_models[postgres]"'
        return DataError(
            f"the driver for {kind_of(url)} is not installed",
            where="Database, url",
            fix=f"{command}, and begin the url with postgresql+pg8000://"
            if known
            else f"pip install {_PACKAGES.get(name, name)}",
        )
    if isinstance(error, OSError):
        return _certificate()
    return no_url()


def of_connecting(error: Exception, *, source: str) -> GmtsError:
    """Explain why a connection is not made."""
    if (said := _STATES.get(_state(error))) is not None:
        return DataError(said[0], where=source, fix=said[1])
    causes = _causes(error)
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return _certificate()
    if any("SSL" in str(each) for each in causes):
        return DataError(
            "the server does not agree to encryption",
            where=source,
            fix="ask for its settings; ?sslmode=disable in the url connects without encryption",
        )
    if any(isinstance(each, TypeError) for each in causes):
        return InputError(
            "the driver does not take an option of the url",
            where=source,
            fix="check what follows the ? of the url",
        )
    return DataError(
        "the database cannot be reached",
        where=source,
        fix="check user, password, host and port in the url, the network, and that the server runs",
    )


def of_reading(error: Exception, *, source: str) -> GmtsError:
    """Explain why rows do not come."""
    if (said := _STATES.get(_state(error))) is not None:
        return DataError(said[0], where=source, fix=said[1])
    if getattr(error, "connection_invalidated", False):
        return DataError("the connection broke off", where=source, fix="try again")
    return DataError(
        "the database does not give the rows",
        where=source,
        fix="run the query, or SELECT * of the table, in a client of the database, which says why",
    )


def no_table(name: str, found: Sequence[str], source: str) -> InputError:
    """Name the likeliest table in place of one that is not there."""
    folded = {each.casefold(): each for each in found}
    folded |= {each.rpartition(".")[2].casefold(): each for each in reversed(found)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    close = close or difflib.get_close_matches(name.rpartition(".")[2].casefold(), folded, n=1)
    hint = f"; did you mean {folded[close[0]]!r}?" if close else ""
    shown = ", ".join(found[:_MOST_NAMES]) + (", ..." if len(found) > _MOST_NAMES else "")
    return InputError(
        f"there is no table {name!r}{hint}",
        where=source.partition(" of ")[2],
        fix=f"the account sees {shown}" if found else "the account sees no table; ask for rights",
    )


def _certificate() -> DataError:
    return DataError(
        "the server's certificate cannot be checked",
        where="the url's options",
        fix="give the certificate of its authority: ?sslmode=verify-full&sslrootcert=/path/ca.pem",
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and those behind it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return found


def _state(error: Exception) -> str:
    """Return the SQLSTATE of an error of any driver, "" where there is none."""
    for each in _causes(error):
        first: Any = each.args[0] if each.args else None
        state = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        state = state or (first.get("C") if isinstance(first, dict) else None)
        if isinstance(state, str):
            return state
    return ""
