"""Tables and queries of databases become cells; nothing changes there, no url is shown."""

from __future__ import annotations

import datetime as dt
import logging
import pickle
import sqlite3
import ssl
import subprocess
import sys
import traceback
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from gmts_models.data.load import load_trainees
from gmts_models.data.reading import database as reading
from gmts_models.data.reading.database import Database
from gmts_models.data.reading.files import read_table
from gmts_models.errors import DataError, GmtsError, InputError

PASSWORD, HOST, USER = "Zqxjkv", "nowhere.invalid", "Wvbnmq"
SECRET = f"postgresql+pg8000://{USER}:{PASSWORD}@{HOST}/people"


def cells(raw) -> dict[str, list[Any]]:
    return {name: list(column) for name, column in zip(raw.names, raw.columns, strict=True)}


def read(url: str, **what: str) -> dict[str, list[Any]]:
    return cells(read_table(Database(url, **what)))


@pytest.fixture(autouse=True)
def _silence(caplog):
    """SQLAlchemy logs what drivers say, queries and values among it; here it says nothing."""
    caplog.set_level(logging.DEBUG)
    yield
    said = [each for each in caplog.get_records("call") if each.name.startswith("sqlalchemy")]
    assert said == []


@pytest.fixture
def lite(tmp_path) -> str:
    with closing(sqlite3.connect(tmp_path / "people.db")) as connection, connection:
        connection.execute("create table trainees (trainee_id text, specialism text, pay numeric)")
        connection.execute("insert into trainees values ('b', 'Finance', 1.5), ('a', null, 2)")
        connection.execute('create view "All Posts" as select 1 as "a.b", 2 as a')
        connection.execute("create table nobody (trainee_id text)")
    return f"sqlite:///{tmp_path / 'people.db'}"


@pytest.fixture(scope="module")
def server(postgres):
    postgres.run(
        "create schema hr",
        "create table hr.trainees (trainee_id uuid primary key, specialism text, start_date date, "
        "leave_nhs_date timestamp, last_seen_date timestamptz, commute_minutes numeric(5, 1), "
        "disability boolean, degree_class char(20), notes integer[], fte real, staff_no bigint)",
        "insert into hr.trainees values "
        "('00000000-0000-0000-0000-00000000000b', 'Finance', '2019-09-02', '2021-03-01 17:30', "
        "'2022-09-01 00:30+00', 12.5, true, 'first', '{1,2}', 0.5, 7), "
        "('00000000-0000-0000-0000-00000000000a', 'Human Resources', '2020-02-29', null, "
        "'2022-09-01 12:00+00', null, false, null, '{3,4}', 1, null)",
        'create table "Odd Names" (" Trainee ID " text, "100%" int)',
        "insert into \"Odd Names\" values ('x', 1)",
        "create table counter (n int)",
        "create sequence numbers",
        "create role only_encrypted login",
        "create role reader login",
        "grant usage on schema hr to reader",
        "grant select on hr.trainees to reader, with_password",
    )
    return postgres


# ------------------------------------------------------- what is given


def test_a_table_or_a_query_and_a_url():
    for what in ({}, {"table": "t", "query": "select 1"}, {"table": " "}, {"query": ""}):
        with pytest.raises(InputError, match="either a table or a query"):
            Database("sqlite://", **what)
    for url in ("", "people.db", "//host/x", "Postgresql", None, 5):
        with pytest.raises(InputError, match="not one of SQLAlchemy"):
            Database(url, table="t")


@pytest.mark.parametrize(
    "query",
    ["select 1", "WITH a AS (SELECT 1) SELECT 1", "-- why\n/* ( */ ((SELECT 1))", "select 1 ;\n"],
)
def test_queries_that_read(query):
    assert Database("sqlite://", query=query).query == query


@pytest.mark.parametrize(
    "query",
    [
        "delete from trainees",
        "selection",
        "-- select\ndrop table trainees",
        "/* select 1 */ update trainees set pay = 0",
        "explain analyze delete from trainees",
        "table trainees",
        "/* select 1",
    ],
)
def test_queries_that_do_not_read(query):
    with pytest.raises(InputError, match="does not read"):
        Database("sqlite://", query=query)


@pytest.mark.parametrize(
    "query", ["select 1; drop table t", "select ';'", "select 1;;", "select;-"]
)
def test_a_query_is_one_statement(query):
    with pytest.raises(InputError, match="semicolon"):
        Database("sqlite://", query=query)


def test_databases_compare_and_travel_but_show_no_url():
    one, two = Database(SECRET, table="t"), Database(SECRET, table="t")
    other = Database(SECRET.replace(HOST, "elsewhere"), table="t")
    assert one == two
    assert hash(one) == hash(two)
    assert one != other
    assert one != SECRET
    assert pickle.loads(pickle.dumps(one)) == one
    assert repr(one) == "Database(a PostgreSQL database, table='t')"
    assert repr(Database(SECRET, query="select 1")) == "Database(a PostgreSQL database, a query)"
    assert repr(Database("snowflake://x", table="t")) == "Database(an SQL database, table='t')"
    assert one.source == "table t of a PostgreSQL database"
    with pytest.raises(AttributeError):
        one.url = ""


def test_a_failed_comparison_in_a_test_shows_no_url(tmp_path):
    path = tmp_path / "test_equal.py"
    path.write_text(
        "from gmts_models.data.reading.database import Database\n"
        "def test_equal():\n"
        f"    text = {SECRET!r}\n"
        "    one, two = Database(text, table='a'), Database(text, table='b')\n"
        "    assert one == two\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-vv", "--tb=line", "-p", "no:cacheprovider", path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "table='a'" in done.stdout
    assert PASSWORD not in done.stdout
    assert HOST not in done.stdout


def test_importing_does_not_load_sqlalchemy():
    code = "import sys, gmts_models.data.reading.files; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# -------------------------------------------------------------- SQLite


def test_sqlite_by_url(lite):
    raw = read_table(Database(lite, table="trainees"))
    assert raw.names == ("trainee_id", "specialism", "pay")
    assert cells(raw) == {
        "trainee_id": ["b", "a"],
        "specialism": ["Finance", None],
        "pay": [1.5, 2],
    }
    assert raw.numbers.tolist() == [1, 2]
    assert len(raw.misaligned) == 0
    assert raw.source == "table trainees of an SQLite database"
    assert read(lite, query="select pay from trainees order by 1 desc") == {"pay": [2, 1.5]}


def test_names_of_columns_are_those_of_the_database(lite):
    assert read_table(Database(lite, table="All Posts")).names == ("a.b", "a")
    twice = 'select 1 as a, 2 as " a", 3 as a'
    assert read_table(Database(lite, query=twice)).names == ("a", "a", "a")


def test_sqlite_names_tables_in_any_case(lite):
    assert read_table(Database(lite, table="TRAINEES")).n_rows == 2
    assert read_table(Database(lite, table="all posts")).names == ("a.b", "a")


def test_no_row_no_table_and_no_sheet(lite):
    with pytest.raises(DataError, match="no row") as caught:
        read_table(Database(lite, table="nobody"))
    assert caught.value.where == "table nobody of an SQLite database"
    with pytest.raises(InputError, match="no table 'Trainee'; did you mean 'trainees'") as caught:
        read_table(Database(lite, table="Trainee"))
    assert caught.value.where == "an SQLite database"
    assert caught.value.fix == "the account sees nobody, trainees, All Posts"
    with pytest.raises(InputError, match="no table") as caught:
        read_table(Database("sqlite://", table="trainees"))
    assert "no table; ask for rights" in caught.value.fix
    with pytest.raises(InputError, match="no sheets"):
        read_table(Database(lite, table="trainees"), sheet="a")


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(DataError, match="no such database file") as caught:
        read_table(Database(f"sqlite:///{tmp_path}/gone.db", table="trainees"))
    assert caught.value.where == "gone.db"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "text.db").write_text("trainee_id,specialism\n" * 50, encoding="utf-8")
    with pytest.raises(DataError, match="does not give the rows"):
        read_table(Database(f"sqlite:///{tmp_path}/text.db", table="trainees"))


def test_a_query_of_sqlite_changes_nothing(lite):
    with pytest.raises(DataError, match="does not give the rows"):
        read(lite, query="with a as (select 1) insert into trainees select 'c', 'd', 1")
    assert read(lite, query="select count(*) as n from trainees") == {"n": [2]}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_text_comes_as_it_is(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("x") / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (n integer primary key, a text)")
        connection.executemany("insert into t (a) values (?)", [(text,) for text in texts])
    if texts:
        assert read(f"sqlite:///{path}", table="t")["a"] == texts


# ---------------------------------------------------------- PostgreSQL


def test_types_of_postgresql(server):
    found = read(server.url(), table="hr.trainees")
    assert found["trainee_id"] == [str(UUID(int=10)), str(UUID(int=11))]  # by the primary key
    assert found["start_date"] == [dt.date(2020, 2, 29), dt.date(2019, 9, 2)]
    assert found["leave_nhs_date"] == [None, dt.datetime(2021, 3, 1, 17, 30)]
    assert found["last_seen_date"][1] == dt.datetime(2022, 9, 1, 0, 30, tzinfo=dt.UTC)
    assert found["commute_minutes"] == [None, Decimal("12.5")]
    assert found["disability"] == [False, True]
    assert found["notes"] == [[3, 4], [1, 2]]
    assert found["fte"] == [1.0, 0.5]
    assert found["staff_no"] == [None, 7]


def test_ids_of_many_digits_stay_apart(server):
    ids = ["90071992547409930", "90071992547409931", "7"]
    values = ", ".join(f"({each}::numeric(20, 2), date '2019-09-02', 'Finance')" for each in ids)
    query = f"select * from (values {values}) as t (trainee_id, start_date, specialism)"
    checked = load_trainees(Database(server.url(), query=query), census_date="2020-01-01")
    assert checked.valid.trainees["trainee_id"].tolist() == ids
    odd = "select numeric 'NaN' as a, numeric '0.5' as b, date 'infinity' as c"
    found = read(server.url(), query=odd)
    assert found["a"][0].is_nan()
    assert found["b"] == [Decimal("0.5")]
    assert found["c"] == ["infinity"]


def test_a_table_of_postgresql_is_checked_like_any_other(server):
    checked = load_trainees(Database(server.url("reader"), table="hr.trainees"))
    people = checked.valid.trainees.set_index("trainee_id")
    first, second = people.loc[str(UUID(int=11))], people.loc[str(UUID(int=10))]
    assert checked.n_rejected == 0
    assert checked.valid.source == "table hr.trainees of a PostgreSQL database"
    assert first["leave_nhs_date"] == pd.Timestamp("2021-03-01")
    assert first["commute_minutes"] == 12.5
    assert bool(first["disability"])
    assert first["degree_class"] == "first"  # without the blanks that fill a char(20)
    assert second["start_date"] == pd.Timestamp("2020-02-29")
    assert pd.isna(second["leave_nhs_date"])
    assert checked.valid.census_date == pd.Timestamp("2022-09-01")


def test_rows_that_are_rejected_are_told_by_their_place(server):
    query = "select '1' as trainee_id, 'Magic' as specialism, date '2019-09-02' as start_date"
    query += " union all select '2', 'Finance', '2019-09-02'"
    checked = load_trainees(Database(server.url(), query=query), census_date="2020-01-01")
    assert checked.rejected["row"].tolist() == [1]
    assert checked.valid.source == "a query of a PostgreSQL database"


def test_a_moment_has_the_day_of_the_time_zone_of_the_session(server):
    """23:30 in UTC is 0:30 of the next day in a London summer."""
    query = "select timestamptz '2021-08-31 23:30+00' as day"
    server.run("create role londoner login", "alter role londoner set timezone to 'Europe/London'")
    assert read(server.url("reader"), query=query)["day"][0].date() == dt.date(2021, 8, 31)
    assert read(server.url("londoner"), query=query)["day"][0].date() == dt.date(2021, 9, 1)
    there = "select (timestamptz '2021-08-31 23:30+00' at time zone 'Europe/London')::date as day"
    assert read(server.url("reader"), query=there)["day"] == [dt.date(2021, 9, 1)]


def test_a_query_reaches_the_server_as_it_is_written(server):
    query = r"""select 7 % 4 as a, 'x' like '%x%' as b, ' :c \:d %s %% ' as c, '12:30'::time::text d
        , $$it's :e$$ as e -- 100 %
        ;"""
    assert read(server.url(), query=query) == {
        "a": [3],
        "b": [True],
        "c": [r" :c \:d %s %% "],
        "d": ["12:30:00"],
        "e": ["it's :e"],
    }


def test_names_of_tables_and_columns_are_quoted(server):
    raw = read_table(Database(server.url(), table="Odd Names"))
    assert raw.names == ("Trainee ID", "100%")
    server.run('create table "with.dot" as select 1 as a')
    assert read(server.url(), table="with.dot") == {"a": [1]}
    assert read(server.url(), table="public.with.dot") == {"a": [1]}


def test_an_unknown_table_of_postgresql_is_told_with_the_likeliest(server):
    for name, likely in (
        ("hr.trainee", "hr.trainees"),
        ("trainees", "hr.trainees"),
        ("nhs.trainees", "hr.trainees"),
        ("odd names", "Odd Names"),
        ("HR.Trainees", "hr.trainees"),
    ):
        with pytest.raises(InputError, match=f"did you mean '{likely}'"):
            read_table(Database(server.url(), table=name))


def test_long_tables_stream(server, monkeypatch):
    import pg8000

    said: list[str] = []
    execute = pg8000.Cursor.execute

    def listen(self, operation, *rest, **more):
        said.append(operation)
        return execute(self, operation, *rest, **more)

    monkeypatch.setattr(pg8000.Cursor, "execute", listen)
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE", 100)
    query = "select n, 'Finance' as label from generate_series(1, 1001) n"
    found = read(server.url(), query=query)
    assert found["n"] == list(range(1, 1002))
    assert len({id(label) for label in found["label"]}) == 1
    fetched = [int(each.split()[2]) for each in said if each.startswith("FETCH")]
    assert max(fetched) == 100
    assert 1001 <= sum(fetched) <= 1200  # the last one finds no row


@pytest.mark.parametrize(
    "query",
    [
        "with a as (insert into counter values (1) returning n) select n from a",
        "select * into copied from hr.trainees",
        "select nextval('numbers')",
        "select set_config('transaction_read_only', 'off', true), nextval('numbers')",
        "select n from counter for update",
    ],
)
def test_a_query_of_postgresql_changes_nothing(server, query):
    with pytest.raises(DataError):
        read(server.url(), query=query)
    state = (
        "select (select count(*) from counter) as rows, (select is_called from numbers) as used, "
    )
    state += "to_regclass('copied') is null as none"
    assert read(server.url(), query=state) == {"rows": [0], "used": [False], "none": [True]}


def test_a_password_and_rights(server):
    url = server.url("with_password", "p%40ss%3Aw%2Frd")
    assert read(url, query="select current_user::text as a") == {"a": ["with_password"]}
    cases = [
        (server.url("with_password", PASSWORD), "select 1", "refuses the account"),
        (server.url(), "select nothing from hr.trainees", "a column that is not there"),
        (server.url(), "select 1 from nothing", "a table that is not there"),
        (server.url(), "select from where", "not valid SQL"),
        (server.url(), "select 1 / 0", "does not give the rows"),
        (server.url("reader"), "select 1 from counter", "may not read this"),
        (server.url(database=PASSWORD), "select 1", "no database of this name"),
    ]
    for url, query, words in cases:
        with pytest.raises(DataError, match=words) as caught:
            read(url, query=query)
        assert caught.value.where == "a query of a PostgreSQL database"
        shows_nothing(caught.value)


def test_encryption_as_libpq_writes_it(server):
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    root = f"&sslrootcert={server.certificate}"
    for options, encrypted in (
        ("", True),
        ("?sslmode=prefer", True),
        ("?sslmode=require", True),
        ("?sslmode=disable", False),
        (f"?sslmode=verify-full{root}", True),
        (f"?sslmode=verify-ca{root}", True),
    ):
        assert read(server.url() + options, query=query) == {"ssl": [encrypted]}
    named = server.url().replace("127.0.0.1", "localhost")
    assert read(f"{named}?sslmode=verify-ca{root}", query=query) == {"ssl": [True]}
    for url in (
        f"{named}?sslmode=verify-full{root}",  # the certificate is another host's
        server.url() + "?sslmode=verify-full",  # and its authority is not known
        server.url() + "?sslmode=verify-full&sslrootcert=/nowhere.pem",
    ):
        with pytest.raises(DataError, match="certificate cannot be checked"):
            read(url, query=query)
    with pytest.raises(DataError, match="refuses the account"):
        read(server.url("only_encrypted") + "?sslmode=disable", query=query)
    with pytest.raises(InputError, match="sslmode is not understood"):
        read(server.url() + "?sslmode=yes", query=query)


# ------------------------------------------------- what is never shown


def shows_nothing(error: GmtsError) -> None:
    """Look for parts of the url in all that a log or a traceback could show."""
    assert error.__context__ is None
    assert error.__cause__ is None
    lines = "".join(traceback.format_exception(error))
    for text in (str(error), repr(error), lines):
        for secret in (PASSWORD, HOST, USER, "127.0.0.1"):
            assert secret not in text


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        (SECRET, DataError, "cannot be reached"),
        (SECRET.replace("/people", ":1/people"), DataError, "cannot be reached"),
        (SECRET.replace(HOST, "127.0.0.1:1"), DataError, "cannot be reached"),
        (f"{SECRET}?{PASSWORD}=1", InputError, "does not take an option"),
        (f"{SECRET}?timeout=x", DataError, "cannot be reached"),
        (SECRET.replace(f"@{HOST}", f"@@{HOST}:{PASSWORD}"), InputError, "not one of SQLAlchemy"),
        (SECRET.replace("postgresql+pg8000", "postgres"), InputError, "does not know this kind"),
        (SECRET.replace("pg8000", PASSWORD.lower()), InputError, "does not know this kind"),
        (SECRET.replace("postgresql+pg8000", "wvb"), InputError, "does not know this kind"),
    ],
)
def test_no_error_shows_the_url(url, kind, words):
    database = Database(url, query="select 1")
    with pytest.raises(kind, match=words) as caught:
        read_table(database)
    shows_nothing(caught.value)


def test_no_error_shows_a_value(server):
    for query in (
        f"select cast('{PASSWORD}' as date)",
        f'select "{PASSWORD}" from hr.trainees',
        f"select '{PASSWORD}",
    ):
        with pytest.raises(DataError) as caught:
            read(server.url(), query=query)
        shows_nothing(caught.value)


@pytest.mark.parametrize(
    ("driver", "module", "command"),
    [
        ("postgresql+pg8000", "pg8000", 'pip install "gmts_models[postgres]"'),
        ("postgresql", "pg8000", 'pip install "gmts_models[postgres]"'),
        ("postgresql+psycopg", "psycopg", 'pip install "gmts_models[postgres]"'),
        ("mysql", "MySQLdb", "pip install mysqlclient"),
        ("mssql+pyodbc", "pyodbc", "pip install pyodbc"),
    ],
)
def test_a_missing_driver_is_named_with_its_command(monkeypatch, driver, module, command):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=r"driver for .* is not installed") as caught:
        read_table(Database(SECRET.replace("postgresql+pg8000", driver), table="t"))
    assert command in caught.value.fix
    shows_nothing(caught.value)


def test_a_url_without_a_driver_takes_the_one_that_is_there(server):
    url = server.url().replace("+pg8000", "")
    assert read(url, query="select 1 as a") == {"a": [1]}


def test_a_connection_that_breaks_off(server):
    with pytest.raises(DataError, match="broke off"):
        read(server.url(), query="select pg_terminate_backend(pg_backend_pid())")


def test_encryption_contexts():
    url = sqlalchemy.make_url(f"{SECRET}?sslmode=verify-full&application_name=x")
    changed, arguments = reading._encryption(url)
    assert dict(changed.query) == {"application_name": "x"}
    assert arguments["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert arguments["ssl_context"].check_hostname
