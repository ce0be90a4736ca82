"""What is said where a configuration is not valid: the exact words, and their line."""

from __future__ import annotations

import copy
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmts_models.config.data_rules import FIRST_COHORT, LAST_COHORT, NEED_PATH
from gmts_models.config.file import dump_yaml, read_config
from gmts_models.config.rules import WITHOUT_COHORTS
from gmts_models.config.schema import EXAMPLES, MEANINGS, PATTERNS, choices, find, json_schema
from gmts_models.data.open.datasets import DATASETS
from gmts_models.errors import ConfigError

GOOD = """name: small
data:
  source: synthetic
models:
  - kind: cox
    alpha: 1.0
"""


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(text: str, *overrides: str) -> str:
    Path("bad.yaml").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigError) as caught:
        read_config("bad.yaml", overrides)
    return str(caught.value)


def refuse(text: str, *overrides: str) -> list[str]:
    """Return the lines of the error, without the excerpts of the file."""
    return [line for line in said(text, *overrides).splitlines() if not line.startswith("    ")]


TOP = (
    "(valid: at, data, disclosure, endpoint, evaluation, features, horizons, jobs, landmarks, "
    "models, name, question, seed, store, strict, tracking)"
)
MODELS = (
    "(valid: cause_specific_cox, cox, cox_elastic_net, cox_firth, cox_time_effects, "
    "discrete_time_hazard, exponential_aft, fine_gray, generalised_gamma_aft, hierarchical_cox, "
    "hierarchical_hazard, hist_gradient_boosting, kaplan_meier, log_logistic_aft, log_normal_aft, "
    "logistic, random_forest, spline_aft, stacked, weibull_aft)"
)
FILE = GOOD.replace("synthetic", "file\n  path: a.csv")
DATABASE = GOOD.replace("synthetic", "database\n  url: sqlite:///people.db\n  table: trainees")
SNAPSHOTS = GOOD.replace("synthetic", "snapshots\n  path: extracts")
BROKEN = {
    "unknown key": (
        GOOD.replace("alpha", "alpa"),
        "6:5: models.0.alpa: not a key of 'cox'; did you mean 'alpha'? "
        "(valid: alpha, impute, kind, name, pooling, pooling_by, robust, strata, tune)",
    ),
    "unknown key at the top": (
        GOOD + "end-point: left_nhs\n",
        f"7:1: end-point: not a key; did you mean 'endpoint'? {TOP}",
    ),
    "key of another mapping": (
        GOOD + "min_size: 3\n",
        f"7:1: min_size: not a key; it belongs under evaluation.scheme {TOP}",
    ),
    "key of another kind": (
        GOOD.replace("alpha: 1.0", "by: region"),
        "6:5: models.0.by: not a key of 'cox'; it is a key of hierarchical_cox, "
        "hierarchical_hazard, kaplan_meier "
        "(valid: alpha, impute, kind, name, pooling, pooling_by, robust, strata, tune)",
    ),
    "key of an attribute": (
        FILE.replace("models", "  attributes: {pay: {kind: number, unti: GBP}}\nmodels"),
        "5:36: data.attributes.pay.unti: not a key of 'pay'; did you mean 'unit'? "
        "(valid: kind, known, meaning, protected, unit)",
    ),
    "text for a number": (
        GOOD.replace("1.0", "big"),
        "6:12: models.0.alpha: must be a number of at least 0, is the text 'big'",
    ),
    "number in quotation marks": (
        GOOD + "seed: '5'\n",
        "7:7: seed: must be a whole number from 0 to 4294967295, is the text '5'; "
        "take the quotation marks away",
    ),
    "no for false": (
        GOOD + "tracking: {enabled: no}\n",
        "7:21: tracking.enabled: must be true or false, is the text 'no'; write false",
    ),
    "true for a number": (
        GOOD + "seed: true\n",
        "7:7: seed: must be a whole number from 0 to 4294967295, is true",
    ),
    "number for text": (
        GOOD.replace("small", "2024"),
        "1:7: name: must be text of letters, digits, spaces and . _ -, beginning with a letter or "
        "digit, at most 80 characters, is 2024; put it in quotation marks",
    ),
    "number for a mapping": (
        GOOD + "evaluation: 5\n",
        "7:13: evaluation: must be a mapping (keys: bootstrap, level, scheme), is 5",
    ),
    "number for a list": (
        GOOD + "horizons: 12\n",
        "7:11: horizons: must be a list (at least 1 item; each item a number above 0 and at most "
        "1200), is 12; put it in square brackets: [12]",
    ),
    "mapping for a list": (
        "name: x\ndata: {source: synthetic}\nmodels:\n  kind: cox\n",
        "3:1: models: must be a list (at least 1 item; each item a mapping with the key 'kind'), "
        "is a mapping; begin each item with '- '",
    ),
    "neither of two types": (
        GOOD + "features: defualt\n",
        "7:11: features: must be default or a list (each item text), is the text 'defualt'; "
        "did you mean 'default'?",
    ),
    "part of a month": (
        GOOD + "at: 6.5\n",
        "7:5: at: must be start, scheme_end, a whole number from 0 to 1200 or text of the form "
        "2021-09-01, is 6.5",
    ),
    "item of the wrong type": (
        GOOD + "features: [region, 3]\n",
        "7:20: features.1: must be text, is 3; put it in quotation marks",
    ),
    "no value": (
        GOOD + "disclosure:\n",
        "7:1: disclosure: has no value; it must be a mapping (keys: threshold)",
    ),
    "out of range": (
        GOOD + "evaluation:\n  bootstrap: 99999\n",
        "8:14: evaluation.bootstrap: must be a whole number from 0 to 10000, is 99999",
    ),
    "infinite": (
        GOOD.replace("1.0", ".inf"),
        "6:12: models.0.alpha: must be a number of at least 0, is inf",
    ),
    "not one of the values": (
        GOOD + "endpoint: left_hns\n",
        "7:11: endpoint: must be left_nhs, left_scheme or post_scheme, is the text 'left_hns'; "
        "did you mean 'left_nhs'?",
    ),
    "missing key": (
        GOOD.replace("name: small\n", "seed: 1\n"),
        "1:1: name: missing; for instance 'name: my-experiment'",
    ),
    "missing key below": (
        FILE.replace("  path: a.csv\n", ""),
        "2:1: data.path: missing; for instance 'path: trainees.csv'",
    ),
    "unknown kind": (
        GOOD.replace("cox", "coxx"),
        f"5:11: models.0.kind: 'coxx' is not a kind; did you mean 'cox'? {MODELS}",
    ),
    "kind missing": (
        GOOD.replace("kind: cox\n    ", ""),
        f"5:5: models.0.kind: missing; for instance 'kind: cox' {MODELS}",
    ),
    "kind can be told": (
        "name: x\nmodels: [{kind: cox}]\ndata: {first_cohort: 2012}\n",
        "3:1: data.source: missing; did you mean 'synthetic'? "
        "(valid: database, file, open, snapshots, synthetic)",
    ),
    "kind without a space": (
        GOOD.replace("kind: cox\n    alpha: 1.0", "kind:cox"),
        "5:5: models.0: must be a mapping with the key 'kind', is the text 'kind:cox'; "
        "put a space after the colon",
    ),
    "a name twice": (
        GOOD + "  - kind: weibull_aft\n    name: cox\n",
        "8:11: models.1.name: models.0 is called 'cox' too; give each a 'name' of its own",
    ),
    "a kind twice": (
        GOOD + "  - kind: cox\n",
        "7:11: models.1.kind: models.0 is called 'cox' too; give each a 'name' of its own",
    ),
    "horizons in disorder": (
        GOOD + "horizons:\n  - 24\n  - 12\n",
        "7:1: horizons: must increase: for instance [12, 24, 36, 60]",
    ),
    "a key twice": (
        GOOD + "seed: 1\nseed: 2\n",
        "8:1: seed: given twice, on lines 7 and 8; keep one",
    ),
    "merge key": (
        GOOD.replace("alpha: 1.0", "<<: {alpha: 1.0}"),
        "6:5: models.0.<<: not a key of 'cox': YAML 1.2 has no merge keys; repeat the keys",
    ),
    "python tag": (
        GOOD + "question: !!python/object/apply:os.system [ls]\n",
        "7:11: question: tags such as !!python/object/apply:os.system are not allowed; "
        "write plain values",
    ),
    "list as a key": (
        GOOD + "? [a]\n: b\n",
        "7:3: a key is plain text, not a list, a mapping or tagged",
    ),
    "half a character": (
        GOOD + 'question: "\\ud83d"\n',
        "7:11: question: holds half of a character; write the character itself",
    ),
    "variable not set": (
        GOOD.replace("synthetic", "file\n  path: ${GMTS_NOT_SET}/a.csv"),
        "4:9: data.path: the environment variable GMTS_NOT_SET is not set; set it with 'export "
        "GMTS_NOT_SET=...' (Linux, Mac) or '$env:GMTS_NOT_SET = \"...\"' (Windows PowerShell)",
    ),
    "variable not closed": (
        GOOD + "store: ${HOME\n",
        "7:8: store: after '${' comes the name of an environment variable and '}'",
    ),
    "endpoint of open data": (
        GOOD.replace("synthetic", "open\n  name: canadian_senators") + "endpoint: post_scheme\n",
        "8:11: endpoint: post_scheme needs the end of a scheme, which open data do not have; "
        "use left_nhs",
    ),
    "endpoint of durations": (
        FILE.replace("models", "  columns: {duration_months: m}\nmodels")
        + "endpoint: left_scheme\n",
        "9:11: endpoint: left_scheme needs the dates of start and scheme end, and data.columns has "
        "duration_months in place of dates; use left_nhs, or read the dates",
    ),
    "open data without a path": (
        GOOD.replace("synthetic", "open\n  name: nlswork"),
        "2:1: data.path: missing: nlswork is read from your own copy; docs/open-data.md says how "
        "to get it",
    ),
    "open data with a path": (
        GOOD.replace("synthetic", "open\n  name: canadian_senators\n  path: a.csv"),
        "5:3: data.path: canadian_senators comes with lifelines and is not read from a file; "
        "leave it out",
    ),
    "cohorts backwards": (
        GOOD.replace("synthetic", "synthetic\n  first_cohort: 2030"),
        "4:17: data.first_cohort: the first cohort (2030) is after the last (2022)",
    ),
    "one cohort": (
        GOOD.replace("synthetic", "synthetic\n  first_cohort: 2022"),
        "2:1: evaluation.scheme.kind: leave_one_cohort_out needs at least two cohorts, and there "
        "is one cohort only; say 'scheme: {kind: k_fold}'",
    ),
    "column of no contract": (
        FILE.replace("models", "  columns: {specialsm: Stream}\nmodels"),
        "5:13: data.columns.specialsm: not a column of the contract (docs/data.md); "
        "did you mean 'specialism'?",
    ),
    "columns turned round": (
        FILE.replace("models", "  columns: {Stream: specialism}\nmodels"),
        "5:13: data.columns.Stream: not a column of the contract (docs/data.md); "
        "turn it round: 'specialism: Stream'",
    ),
    "attribute of the contract": (
        FILE.replace("models", "  attributes: {gender: {kind: category}}\nmodels"),
        "5:16: data.attributes.gender: is a column of the contract already; leave it out here",
    ),
    "labels of an id": (
        FILE.replace("models", "  labels: {trainee_id: {a: b}}\nmodels"),
        "5:12: data.labels.trainee_id: an id has no labels; leave it out",
    ),
    "neither a date nor a word": (
        GOOD + "at: strat\n",
        "7:5: at: must be start, scheme_end, a whole number from 0 to 1200 or text of the form "
        "2021-09-01, is the text 'strat'; did you mean 'start'?",
    ),
    "months in quotation marks": (
        GOOD + "at: '12'\n",
        "7:5: at: must be start, scheme_end, a whole number from 0 to 1200 or text of the form "
        "2021-09-01, is the text '12'; take the quotation marks away",
    ),
    "no such day": (GOOD + "at: 2021-02-29\n", "7:5: at: there is no day 2021-02-29"),
    "a date the other way round": (
        GOOD + "at: 01/09/2021\n",
        "7:5: at: must be start, scheme_end, a whole number from 0 to 1200 or text of the form "
        "2021-09-01, is the text '01/09/2021'",
    ),
    "half a month": (
        GOOD + "landmarks: [0, 1.5]\n",
        "7:16: landmarks.1: must be a whole number from 0 to 1200, is 1.5",
    ),
    "no landmark": (
        GOOD + "landmarks: []\n",
        "7:1: landmarks: must be a list (at least 1 item; each item a whole number from 0 to "
        "1200), is an empty list",
    ),
    "landmarks in disorder": (
        GOOD + "landmarks: [12, 0]\n",
        "7:1: landmarks: must increase: for instance [0, 6, 12, 18, 24]",
    ),
    "a landmark twice": (
        GOOD + "landmarks: [0, 0]\n",
        "7:1: landmarks: must increase: for instance [0, 6, 12, 18, 24]",
    ),
    "at and landmarks": (
        GOOD + "landmarks: [0, 12]\nat: 12\n",
        "7:1: landmarks: is in place of 'at', which is given too; keep one",
    ),
    "scheme end of open data": (
        GOOD.replace("synthetic", "open\n  name: canadian_senators") + "at: scheme_end\n",
        "8:5: at: scheme_end needs the end of a scheme, which open data do not have; say months "
        "since the start",
    ),
    "withdrawing at the end": (
        GOOD + "endpoint: left_scheme\nat: scheme_end\n",
        "8:5: at: nobody withdraws on the day the scheme ends; say an earlier date, or use another "
        "endpoint",
    ),
    "a day without dates": (
        FILE.replace("models", "  columns: {duration_months: m}\nmodels") + "at: 2021-09-01\n",
        "9:5: at: a day needs dates, and data.columns has duration_months in their place; say "
        "months since the start",
    ),
    "endpoint without the scheme's end": (
        SNAPSHOTS.replace("models", "  columns: {scheme_end_date: ''}\nmodels")
        + "endpoint: post_scheme\n",
        "9:11: endpoint: post_scheme needs the end of the scheme, and data.columns says not to "
        "read scheme_end_date; use left_nhs, or read the dates",
    ),
    "endpoint of a database's durations": (
        DATABASE.replace("models", "  columns: {duration_months: m}\nmodels")
        + "endpoint: left_scheme\n",
        "10:11: endpoint: left_scheme needs the dates of start and scheme end, and data.columns "
        "has duration_months in place of dates; use left_nhs, or read the dates",
    ),
    "database without a url": (
        DATABASE.replace("  url: sqlite:///people.db\n", ""),
        "2:1: data.url: missing; for instance 'url: ${DATABASE_URL}'",
    ),
    "neither table nor query": (
        DATABASE.replace("  table: trainees\n", ""),
        "2:1: data.table: missing; for instance 'table: trainees', or a 'query' in its place",
    ),
    "table and query": (
        DATABASE.replace("models", "  query: select 1\nmodels"),
        "6:3: data.query: table and query are given; keep one",
    ),
    "a query that writes": (
        DATABASE.replace("table: trainees", "query: delete from trainees"),
        "5:10: data.query: the query does not read; begin it with SELECT, or with WITH and end it "
        "in a SELECT",
    ),
    "a password in the file": (
        DATABASE.replace("sqlite:///people.db", "postgresql://me:Zqxjkv@host/x"),
        "4:8: data.url: holds a password; put it into an environment variable, and write "
        "${PASSWORD}, or what you call it, in its place",
    ),
    "a password among the options": (
        DATABASE.replace("sqlite:///people.db", "postgresql://host/x?user=me&Password=Zqxjkv"),
        "4:8: data.url: holds a password; put it into an environment variable, and write "
        "${PASSWORD}, or what you call it, in its place",
    ),
    "a url of a shared configuration": (
        DATABASE.replace("sqlite:///people.db", "postgresql"),
        "4:8: data.url: is no address of a database, such as "
        "postgresql+pg8000://host/database; results never keep it, so that it has to be written "
        "anew",
    ),
    "variable of a url not set": (
        DATABASE.replace("sqlite:///people.db", "${GMTS_NOT_SET}"),
        "4:8: data.url: the environment variable GMTS_NOT_SET is not set; set it with 'export "
        "GMTS_NOT_SET=...' (Linux, Mac) or '$env:GMTS_NOT_SET = \"...\"' (Windows PowerShell)",
    ),
    "sheet of a database": (
        DATABASE.replace("models", "  sheet: people\nmodels"),
        "6:3: data.sheet: a database has no sheets; leave it out",
    ),
    "unknown table": (
        FILE.replace("models", "  tables: {placments: {path: p.csv}}\nmodels"),
        "5:12: data.tables.placments: there is no such table; did you mean 'placements'? (valid: "
        "assessments, labour_market, placements, roles, surveys)",
    ),
    "a table of a database beside a file": (
        FILE.replace("models", "  tables: {roles: {table: roles}}\nmodels"),
        "5:20: data.tables.roles.table: is of a database, and the trainees come from a file; give "
        "a 'path'",
    ),
    "a table from two places": (
        DATABASE.replace("models", "  tables: {roles: {path: r.csv, query: select 1}}\nmodels"),
        "6:33: data.tables.roles.query: path and query are given; keep one",
    ),
    "a query of a table that writes": (
        DATABASE.replace("models", "  tables: {roles: {query: select 1; select 2}}\nmodels"),
        "6:27: data.tables.roles.query: the query holds a semicolon, which ends a statement; give "
        "one statement; where a text in it holds one, make a view of the query",
    ),
    "tables without dates": (
        FILE.replace(
            "models", "  columns: {duration_months: m}\n  tables: {roles: {path: r.csv}}\nmodels"
        ),
        "6:3: data.tables: need the dates of the trainees, and data.columns has duration_months in "
        "their place",
    ),
    "column of no contract of a table": (
        FILE.replace("models", "  tables: {roles: {columns: {stat_date: From}}}\nmodels"),
        "5:30: data.tables.roles.columns.stat_date: not a column of the contract (docs/tables.md); "
        "did you mean 'start_date'?",
    ),
    "labels of a table": (
        FILE.replace("models", "  tables: {roles: {labels: {specialism: {a: b}}}}\nmodels"),
        "5:29: data.tables.roles.labels.specialism: not a column of the contract (docs/tables.md)",
    ),
    "column of no snapshot": (
        SNAPSHOTS.replace("models", "  columns: {snapshot: Date}\nmodels"),
        "5:13: data.columns.snapshot: not a column of the contract (docs/snapshots.md); did you "
        "mean 'snapshot_date'?",
    ),
    "known from no date": (
        FILE.replace("models", "  attributes: {pay: {kind: number, known: leave_date}}\nmodels"),
        "5:43: data.attributes.pay.known: 'leave_date' is no date column of this table; did you "
        "mean 'leave_nhs_date'? (valid: start, start_date, first_seen_date, scheme_end_date, "
        "leave_scheme_date, leave_nhs_date, last_seen_date)",
    ),
    "known from another table's date": (
        FILE.replace(
            "models",
            "  tables: {surveys: {attributes: {mood: {kind: number, known: start_date}}}}\nmodels",
        ),
        "5:63: data.tables.surveys.attributes.mood.known: 'start_date' is no date column of this "
        "table; did you mean 'start'? (valid: start, date)",
    ),
    "key of an attribute of a table": (
        DATABASE.replace("models", "  tables: {roles: {attributes: {pay: {kind: numbr}}}}\nmodels"),
        "6:45: data.tables.roles.attributes.pay.kind: must be category, number or flag, is the "
        "text 'numbr'; did you mean 'number'?",
    ),
    "a feature twice": (
        GOOD + "features: [region, region]\n",
        "7:20: features.1: 'region' is named twice; keep one",
    ),
    "strata not among the features": (
        GOOD.replace("1.0", "1.0\n    strata: regio") + "features: [region]\n",
        "7:13: models.0.strata: 'regio' is not among the features; did you mean 'region'?",
    ),
    "groups not among the features": (
        GOOD.replace("cox\n    alpha: 1.0", "kaplan_meier") + "features: [region]\n",
        "5:5: models.0.by: 'specialism' is not among the features; add it to them",
    ),
}
SYNTAX = {
    "tab": (GOOD.replace("  source", "\tsource"), "3:1", "a tab is here; YAML takes spaces only"),
    "no space": (GOOD.replace("name: ", "name:"), "1:5", "a space is missing after the colon"),
    "no space below": (GOOD.replace("a: 1", "a:1"), "6:10", "a space is missing after the colon"),
    "no colon": (
        GOOD.replace("name: small", "name"),
        "1:1",
        "a colon is missing: write 'key: value'",
    ),
    "deeper": (
        GOOD.replace("models", "   seed: 1\nmodels"),
        "4:4",
        "this line is indented by 3 spaces, the one above by 2, and that one has its value "
        "already; line them up",
    ),
    "less deep": (
        GOOD.replace("    alpha", " alpha"),
        "6:2",
        "this line, indented by 1 space, goes on with nothing above; line up the keys of a "
        "mapping, and the dashes of a list",
    ),
    "bracket": (
        GOOD + "horizons: [12, 24\nseed: 1\n",
        "7:11",
        "the [ that opens here is not closed by ]",
    ),
    "brace in braces": (
        "data: {source: file, path: ${X}/a.csv}\n",
        "1:29",
        "a text that holds { must be in quotation marks here",
    ),
    "closing only": (GOOD + "horizons: [12]]\n", "7:15", "a ] that nothing opens"),
    "quotation mark": (
        GOOD + 'question: "Why?\nseed: 1\n',
        "7:11",
        "the quotation mark that opens here is never closed",
    ),
    "after the quotation": (
        GOOD + "question: 'it's'\n",
        "7:15",
        "this comes after the end of the value; a ' within '...' is written twice, or use "
        '"..." around the text',
    ),
    "backslash": (
        GOOD + 'store: "C:\\data"\n',
        "7:11",
        "a backslash has a meaning of its own in double quotation marks; use single quotation "
        "marks, or / in a path",
    ),
    "colon in a text": (
        GOOD + "question: Who stays: and why?\n",
        "7:20",
        "a text that holds a colon and a space must be in quotation marks",
    ),
    "sign": (
        GOOD + "question: @who\n",
        "7:11",
        "a text that begins with @ must be in quotation marks",
    ),
    "star": (
        GOOD + "question: *\n",
        "7:11",
        "a text that begins with * must be in quotation marks",
    ),
    "control character": (
        GOOD + "question: a\x01\n",
        "7:12",
        "a control character (code 1) is here; delete it",
    ),
}
UNREADABLE = {
    "empty": ("", "1:1: the file is empty; configs/gmts.yaml is an example"),
    "comment": ("# only\n", "1:1: the file is empty; configs/gmts.yaml is an example"),
    "list": ("- name: x\n", "1:1: must be lines of 'key: value', is a list"),
    "text": (
        "name:x\n",
        "1:1: must be lines of 'key: value', is the text 'name:x'; put a space after the colon",
    ),
    "two documents": (
        GOOD + "---\n" + GOOD,
        "7:1: a second YAML document begins here; keep one, without '---' between",
    ),
    "alias of nothing": (
        GOOD + "question: *why\n",
        "7:11: the alias *why refers to no anchor above; if it is text, put it in quotation marks",
    ),
    "alias of itself": (
        GOOD + "features: &f [*f]\n",
        "7:11: features.0: the alias stands within its own anchor",
    ),
    "depth": ("a: " + "[" * 3000 + "]" * 3000, "1:22: nested too deeply for a configuration"),
    "aliases of aliases": (
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{n}: &{n} [{','.join(['*' + p] * 9)}]\n" for p, n in pairwise("abcdef")),
        "1:4: too large for a configuration",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_wrong_is_said_with_its_line(text: str, expected: str) -> None:
    assert refuse(text) == [f"bad.yaml:{expected}"]


@pytest.mark.parametrize(("text", "at", "cause"), SYNTAX.values(), ids=list(SYNTAX))
def test_syntax_errors_tell_the_likely_cause(text: str, at: str, cause: str) -> None:
    assert refuse(text) == [f"bad.yaml:{at}: not valid YAML: {cause}"]


@pytest.mark.parametrize(("text", "expected"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_what_is_no_configuration_at_all(text: str, expected: str) -> None:
    assert refuse(text) == [f"bad.yaml:{expected}"]


def test_all_errors_at_once_in_the_order_of_the_file() -> None:
    text = """name: 3
seed: -1
seed: 2
data: {source: file, path: "${GMTS_NOT_SET}/a.csv", colums: {}}
models:
  - kind: coxx
    alpa: 1
  - knd: cox
  - kind: logistic
    alpha: 0
  - kind: logistic
horizons: [24, 12]
evaluation: {scheme: {kind: k_fold, folds: 1}}
question: !x [why]
"""
    lines = refuse(text, "jobs=all", "trackng.uri=x")
    keys = [line.split(": ")[1] for line in lines]
    assert keys == [
        "name",
        "seed",
        "data.path",
        "data.colums",
        "models.0.kind",
        "models.0.alpa",
        "models.1.knd",
        "models.2.alpha",
        "models.3.kind",
        "horizons",
        "evaluation.scheme.folds",
        "question",
        "jobs",
        "trackng",
    ]
    assert [line.startswith("--set ") for line in lines] == [False] * 12 + [True] * 2


def test_the_line_of_the_file_is_shown_under_the_error() -> None:
    assert said(GOOD.replace("alpha", "alpa")).splitlines()[1:] == [
        "        alpa: 1.0",
        "        ^",
    ]
    assert said("name: small\n\tseed: 1\n").splitlines()[1:] == ["    \tseed: 1", "    ^"]
    long = said(GOOD + f"question: [{'why ' * 100}]\n").splitlines()
    assert all(len(line) < 160 for line in long)


def test_one_mistake_is_one_error() -> None:
    """A misspelt key is not missing as well; wrong items do not make a list too short."""
    assert len(refuse(GOOD.replace("name", "nmae"))) == 1
    assert len(refuse(GOOD.replace("kind", "knd"))) == 1
    assert len(refuse(GOOD.replace("kind: cox", "kind: 3"))) == 1
    assert len(refuse(GOOD.replace("models", "model"))) == 1
    assert len(refuse(GOOD + "features: [1]\n")) == 1


OVERRIDES = {
    "models.0.alpa=1": "models.0.alpa: not a key of 'cox'; did you mean 'alpha'? "
    "(valid: alpha, impute, kind, name, pooling, pooling_by, robust, strata, tune)",
    "modles.0.alpha=1": f"modles: not a key; did you mean 'models'? {TOP}",
    "models.0.alpha=-1": "models.0.alpha: must be a number of at least 0, is -1",
    "models.1.alpha=1": "models.1.alpha: models is a list, with item 0 only",
    "models.cox.alpha=1": "models.cox.alpha: models is a list, with item 0 only; 'cox' is models.0",
    "horizons.0=6": "horizons: must be a list (at least 1 item; each item a number above 0 and at "
    "most 1200), is a mapping; it is not in the file, so set the whole list",
    "name.x=1": "name.x: name is the text 'small', so there is nothing in it",
    "evaluation.scheme={kind: kfold}": "evaluation.scheme.kind: 'kfold' is not a kind; "
    "did you mean 'k_fold'? (valid: k_fold, leave_one_cohort_out, temporal)",
    "evaluation.scheme={kind: k_fold, folds: 1}": "evaluation.scheme.folds: must be a whole number "
    "of at least 2, is 1",
    "seed=[1": "seed: the value is not valid YAML: the [ that opens here is not closed by ]",
    "seed=!!int 3": "seed: tags such as !!int are not allowed; write plain values",
    "data={source: synthetic, seed: 1, seed: 2}": "data.seed: given twice; keep one",
    "seed=": "seed: has no value; it must be a whole number from 0 to 4294967295",
    "store=${GMTS_NOT_SET}": "store: the environment variable GMTS_NOT_SET is not set; set it with "
    "'export GMTS_NOT_SET=...' (Linux, Mac) or '$env:GMTS_NOT_SET = \"...\"' (Windows PowerShell)",
    "seed": "write key=value, such as models.0.alpha=0.1",
    "=3": "write key=value, such as models.0.alpha=0.1",
    "a..b=3": "write key=value, such as models.0.alpha=0.1",
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_errors_of_overrides_name_the_override(override: str) -> None:
    assert refuse(GOOD, override)[0] == f"--set {override}: {OVERRIDES[override]}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guesses the home of any name")
def test_the_home_of_nobody() -> None:
    assert refuse(GOOD + "store: ~gmts_nobody/x\n") == [
        "bad.yaml:7:8: store: the home folder behind '~' is not known; write the path out"
    ]


def test_no_error_shows_a_password_of_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where it is written, nor where it comes from the environment."""
    monkeypatch.setenv("GMTS_SECRET", "s3cr3t")
    for url in (
        "postgresql://me:s3cr3t@host/x",
        "postgresql://me:${GMTS_SECRET}@host/x",
        "postgresql://me:very s3cr3t/@host/x",
        "postgresql://host/x?user=me&Password=s3cr3t",
    ):
        data = f"data: {{source: database, url: '{url}', table: 5, url2: '{url}'}}\n"
        text = said(f"name: x\n{data}models: [{{kind: coxx}}]\n", f"data.url={url}")
        text += said(f"name: x\n{data.replace('source', 'sauce')}models: []\n")
        assert "s3cr3t" not in text


def test_what_an_override_replaces_is_not_complained_about() -> None:
    assert refuse(GOOD.replace("1.0", "-1"), "models.0.alpha=-2") == [
        "--set models.0.alpha=-2: models.0.alpha: must be a number of at least 0, is -2"
    ]
    Path("bad.yaml").write_text(GOOD.replace("1.0", "-1"), encoding="utf-8")
    assert read_config("bad.yaml", ["models.0.alpha=2"]).config.models[0].name == "cox"


def test_no_error_shows_a_password() -> None:
    address = "https://someone:s3cr3t@" + "host" * 30
    tracking = f"tracking:\n  uri: {address}\n  url: {address}\n  experiment: [{address}]\n"
    text = said(
        GOOD + tracking + f"seed: {address}\nstore: [{address}\n",
        f"tracking.uri={address}",
    )
    text += said(GOOD + tracking + f"seed: {address}\nendpoint: {address}\n", f"jobs={address}")
    assert "s3cr3t" not in text
    assert "someone" not in text
    assert "https://***@host" in text


# -------------------------------------------- what the words are made from


def test_rules_know_the_open_data_and_the_defaults() -> None:
    assert {name for name, card in DATASETS.items() if card.obtain} == NEED_PATH
    without = {name for name, card in DATASETS.items() if card.cohorts.startswith("none")}
    assert without == WITHOUT_COHORTS
    synthetic = json_schema()["$defs"]["SyntheticData"]["properties"]
    assert synthetic["first_cohort"]["default"] == FIRST_COHORT
    assert synthetic["last_cohort"]["default"] == LAST_COHORT
    for model in find(("models", 0)).options or find(("models", 0, "cox", "kind")).options.values():
        assert model["properties"]["name"]["default"] == model["properties"]["kind"]["const"]


def test_every_pattern_has_words_and_every_required_key_an_example() -> None:
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    nodes = [node for part in parts for node in part["properties"].values()]
    patterns = {
        each["pattern"]
        for node in nodes
        for each in (node, *node.get("anyOf", ()))
        if "pattern" in each
    }
    assert patterns == set(PATTERNS)
    required = {key for part in parts for key in part.get("required", ())}
    assert {
        key
        for key in required
        if not any(choices(part["properties"].get(key, {})) for part in parts)
    } <= set(EXAMPLES)
    example = "\n".join(f"{key}: {EXAMPLES[key]}" for key in ("name", "data", "models"))
    Path("example.yaml").write_text(example, encoding="utf-8")
    assert read_config("example.yaml").config.name == "my-experiment"


def test_every_key_has_a_meaning_and_no_meaning_is_left_over() -> None:
    schema = json_schema()
    parts = {"ExperimentConfig": schema, **schema["$defs"]}
    keys = {
        f"{name}.{key}": node
        for name, part in parts.items()
        for key, node in part["properties"].items()
    }
    assert [key for key, node in keys.items() if not node.get("description")] == []
    assert set(MEANINGS) <= set(keys)
    assert [key for key, text in MEANINGS.items() if keys[key]["description"] != text] == []


# ------------------------------------------------------- random mistakes

RICH: dict[str, Any] = {
    "name": "rich",
    "seed": 3,
    "data": {
        "source": "file",
        "path": "a.csv",
        "columns": {"specialism": "Stream", "start_date": "Start"},
        "labels": {"specialism": {"HI": "Health Informatics"}},
        "attributes": {"pay": {"kind": "number", "unit": "GBP", "known": "start_date"}},
        "tables": {
            "roles": {"path": "r.csv", "columns": {"start_date": "From"}},
            "surveys": {"attributes": {"mood": {"kind": "number", "known": "date"}}},
        },
    },
    "endpoint": "left_nhs",
    "at": "2021-09-01",
    "horizons": [12, 24.5],
    "features": ["specialism", "pay"],
    "models": [
        {"kind": "kaplan_meier"},
        {"kind": "cox", "alpha": 0.5, "strata": "specialism"},
        {"kind": "logistic", "name": "logit"},
    ],
    "evaluation": {"scheme": {"kind": "k_fold", "folds": 5}, "level": 0.9},
    "tracking": {"enabled": False, "uri": None},
    "jobs": 1,
}
RICH_DATABASE: dict[str, Any] = {
    "name": "rich",
    "data": {
        "source": "database",
        "url": "postgresql://me@host/people",
        "query": "select 1",
        "tables": {"roles": {"table": "roles", "labels": {"region": {"a": "b"}}}, "surveys": {}},
    },
    "endpoint": "post_scheme",
    "landmarks": [0, 12],
    "models": [{"kind": "cox"}],
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["cox", "coxx", "file", "no", "1e-3", "${X}", "~", "default", "a: b"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["kind", "a", "0"]), st.integers(0, 3), max_size=2),
)


def _paths(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for key, value in children:
        found.append((*at, key))
        if isinstance(value, dict | list):
            found += _paths(value, (*at, key))
    return found


def _renamed(mapping: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    return {name if each == key else each: value for each, value in mapping.items()}


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a configuration with up to three keys renamed, deleted or given another value."""
    config = copy.deepcopy(draw(st.sampled_from([RICH, RICH_DATABASE])))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(config)))
        holder: Any = config
        for step in path[:-1]:
            holder = holder[step]
        action = draw(st.sampled_from(["rename", "delete", "replace", "replace"]))
        if action == "delete":
            del holder[path[-1]]
        elif action == "replace":
            holder[path[-1]] = draw(VALUES)
        elif isinstance(holder, dict):
            name = draw(st.text("abcdeiklnmoprst_-: ", min_size=1, max_size=8))
            fresh = _renamed(holder, path[-1], name)
            holder.clear()
            holder.update(fresh)
    return dump_yaml(config)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """Return RICH as text with a few characters replaced, put in or taken away."""
    text = dump_yaml(RICH)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 3)))
        signs = st.text("\n\t\r :-[]{}&*!|>'\"%@#?,aé\x00\x85\u2028", max_size=3)
        text = text[:start] + draw(signs) + text[end:]
    return text


def test_a_suggestion_is_on_one_line() -> None:
    Path("bad.yaml").write_text(
        'name: a\ndata: {source: synthetic}\nfeatures: ["specialism\\n"]\n'
        "models: [{kind: kaplan_meier}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"did you mean 'specialism'\?"):
        read_config("bad.yaml")


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=mutated() | garbled())
def test_random_mistakes_are_told_with_a_line_of_the_file(text: str) -> None:
    Path("bad.yaml").write_text(text, encoding="utf-8", newline="")
    lines = re.split("\r\n|\r|\n", text)
    try:
        loaded = read_config("bad.yaml")
    except ConfigError as error:
        told = [line for line in str(error).split("\n") if not line.startswith("    ")]
        assert told
        for line in told:
            found = re.match(r"bad\.yaml:(\d+):(\d+): \S", line)
            assert found, line
            at, column = int(found[1]), int(found[2])
            assert 1 <= at <= max(1, len(lines) - (lines[-1] == ""))
            assert 1 <= column <= len(lines[at - 1]) + 1
    else:
        assert loaded.config.models
