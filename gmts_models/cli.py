"""The command line: ``gmts-models ...``.

Exit codes: 0 success, 1 a bug of ours, 2 the user's mistake (one message, no traceback), 3 the
results are safe in the run folder but not published. Messages about what is going on go to
standard error, results to standard output.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gmts_models.errors import GmtsError, InputError

if TYPE_CHECKING:
    from gmts_models.data.people import Checked
    from gmts_models.experiment import Progress

app = typer.Typer(
    name="gmts-models",
    help="Retention prediction and statistical modelling for schemes with cohorts and groups.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_INTERRUPTED = 130
_STOPPED = (
    "Stopped. Nothing half-written is left; a run whose results were complete is in the store's "
    "folder 'runs', and gmts-models publish sends it to MLflow."
)

Store = Annotated[
    Path | None,
    typer.Option(help="Folder for runs; default: GMTS_HOME, else the nearest gmts_store."),
]
Folder = Annotated[Path, typer.Argument(help="A run folder.")]


@app.command(epilog="Example: gmts-models run configs/gmts.yaml --set models.1.alpha=0.5")
def run(
    config: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key, such as models.0.alpha=0.1; may be repeated."),
    ] = None,
    store: Store = None,
) -> None:
    """Run an experiment: retention by specialism, models compared, results in MLflow."""
    from gmts_models.console import print_run
    from gmts_models.experiment import run_experiment

    with _progress() as progress:
        finished = run_experiment(config, set_ or (), store=store, on_progress=progress)
    print_run(finished, store)
    if finished.publish_error is not None:
        raise finished.publish_error


@app.command(epilog="Example: gmts-models validate trainees.csv --html quality.html")
def validate(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A CSV, Excel or Parquet file of trainees, or a folder with all tables; may be "
            "left out with --config."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="An experiment whose data section says how; options go before it."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the data-quality report as a page: quality.html.")
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Write each rejected row's number, column, reason and fix: rejected.csv."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help="Map a column: specialism=Department; may be repeated."),
    ] = None,
    scheme: Annotated[
        str | None, typer.Option(help="gmts (the default), or any for other groups.")
    ] = None,
    census_date: Annotated[
        str | None, typer.Option(help="Last day of follow-up, such as 2023-09-30.")
    ] = None,
    date_format: Annotated[str | None, typer.Option(help="Such as %d/%m/%Y.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of an Excel file.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV file; default utf-8.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 2 if a row is rejected.")
    ] = False,
) -> None:
    """Check the tables of a scheme: rejected rows with their reasons, and data quality."""
    from gmts_models.console import print_checked, print_quality, say
    from gmts_models.data.quality.report import quality_report

    if scheme not in (None, "gmts", "any"):
        raise InputError("the scheme is gmts or any", where="--scheme")
    said = {
        "scheme": scheme,
        "census_date": census_date,
        "date_format": date_format,
        "sheet": sheet,
        "encoding": encoding,
        "columns": _pairs(columns or []),
    }
    checked = _read_people(file, config, {name: value for name, value in said.items() if value})
    print_checked(checked)
    report = quality_report(checked)
    print_quality(report)
    if rows is not None:
        checked.rejected.to_csv(rows, index=False)
        say(f"The rejected rows are told in {rows}.")
    if html is not None:
        from gmts_models.reporting.quality import write_quality_report

        say(f"The data-quality report is {write_quality_report(report, html)}.")
    if strict and len(checked.rejected):
        raise typer.Exit(2)


def _read_people(file: Path | None, config: Path | None, said: dict[str, Any]) -> Checked:
    """Read a file as a configuration and then the options say, or whatever the one names."""
    from gmts_models.config import FileData
    from gmts_models.config.file import read_config
    from gmts_models.data.source import load_source

    if config is None and file is None:
        raise InputError(
            "there is nothing to validate",
            where="gmts-models validate",
            fix="name a file or a folder, or an experiment with --config",
        )
    spec = None if config is None else read_config(config).config
    if file is None and spec is not None:
        if said:
            raise InputError(
                "options say how to read a file, and no file is named",
                where=", ".join(f"--{name.replace('_', '-')}" for name in said),
                fix="name the file, or leave them out: the configuration says how",
            )
        return load_source(spec.data, seed=spec.seed)
    data = FileData(path=Path(file or "")) if spec is None else spec.data
    if not isinstance(data, FileData):
        raise InputError(
            "the configuration does not read a file",
            where=str(config),
            fix="leave the file out: gmts-models validate --config FILE",
        )
    update = {**said, "path": file, "columns": {**data.columns, **said.get("columns", {})}}
    return load_source(data.model_copy(update=update), seed=0)


@app.command(epilog="Example: gmts-models simulate --seed 7 --out scheme-SYNTHETIC --format csv")
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same people.")] = 1,
    first_cohort: Annotated[int, typer.Option(help="Year of the first September intake.")] = 2011,
    last_cohort: Annotated[int, typer.Option(help="Year of the last one.")] = 2022,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .csv, .xlsx or .parquet file for the trainees (default: "
            "trainees-SYNTHETIC.csv), or a new folder for all tables: a name without a dot."
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Of the files of a folder: csv (the default) or parquet."),
    ] = None,
    snapshots: Annotated[
        str | None,
        typer.Option(
            help="Staff-in-post extracts in place of tables, of every month or year: a file for "
            "each date in the folder --out (default: snapshots-SYNTHETIC)."
        ),
    ] = None,
    mess: Annotated[
        bool, typer.Option("--mess", help="Second posts, absences and gaps in the extracts.")
    ] = False,
) -> None:
    """Write a synthetic scheme: a table of trainees, all tables, or staff-in-post extracts."""
    from gmts_models.console import say
    from gmts_models.data.synthetic.files import write_people
    from gmts_models.data.synthetic.scheme import simulate_trainees

    people = simulate_trainees(seed, cohorts=range(first_cohort, last_cohort + 1))
    say(write_people(people, out, format_=format_, snapshots=snapshots, mess=mess))


@app.command(epilog="Example: gmts-models publish gmts_store/runs/gmts-20261124-101530-3fa2")
def publish(
    folder: Folder,
    store: Store = None,
    uri: Annotated[str | None, typer.Option(help="Of the tracker; default: as for run.")] = None,
) -> None:
    """Send a run folder to MLflow; again does no harm."""
    from gmts_models.console import say
    from gmts_models.tracking.publish import publish_run

    published = publish_run(folder, tracking_uri=uri, store=store)
    say(f"{folder.name} is in MLflow as run {published.run_id} ({published.state}).")


@app.command(epilog="Example: gmts-models report gmts_store/runs/gmts-20261124-101530-3fa2")
def report(folder: Folder) -> None:
    """Make a run folder's report.html again from its tables."""
    from gmts_models.console import say
    from gmts_models.reporting.report import write_report

    say(f"The report is {write_report(folder)}.")


@app.command(epilog="Example: gmts-models ui --port 5001")
def ui(
    store: Store = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine only.")] = 5000,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open MLflow's pages on the runs of the store, until Ctrl-C."""
    from gmts_models.tracking.ui import open_ui

    open_ui(store, port=port, open_browser=browser)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may not speak UTF-8 by itself
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    # Errors are told below; without a handler Python would print what is logged a second time.
    logging.getLogger("gmts_models").addHandler(logging.NullHandler())
    try:
        code = app(list(arguments) if arguments is not None else None, standalone_mode=False)
        if code == _INTERRUPTED:  # typer's answer to Ctrl-C
            _complain(_STOPPED)
        sys.exit(code if isinstance(code, int) else 0)
    except GmtsError as error:
        _complain(f"Error: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _complain(_STOPPED)
        sys.exit(_INTERRUPTED)
    except OSError as error:
        _complain(f"Error: {error.strerror or type(error).__name__}\n  where: {error.filename}")
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _report_other(error)


def _report_other(error: Exception) -> NoReturn:
    show = getattr(error, "show", None)  # a usage error of the command line itself
    if show is not None:
        show()
        sys.exit(2)
    if os.environ.get("GMTS_DEBUG"):
        traceback.print_exception(error)
    else:
        # The text of a foreign error may quote a record, so only its kind and place are shown.
        place = traceback.extract_tb(error.__traceback__)[-1]
        _complain(
            f"This is a bug in gmts_models, and we are sorry: {type(error).__name__} in "
            f"{Path(place.filename).name}, line {place.lineno}.\n"
            "  fix:   run again with GMTS_DEBUG=1 for the whole story (it may quote your data)"
        )
    sys.exit(1)


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = dict(option.partition("=")[::2] for option in options)
    if bad := [option for option in options if "=" not in option or option.startswith("=")]:
        raise InputError(
            f"a mapping needs two names: {bad[0]}", where="--column", fix="--column specialism=Team"
        )
    return pairs


@contextmanager
def _progress() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as bar:
        tasks: dict[str, typer.Any] = {}  # type: ignore[name-defined]

        def show(what: str, done: int, of: int) -> None:
            for other, task in tasks.items():
                if other != what:
                    bar.update(task, completed=bar.tasks[task].total)
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
                if not console.is_terminal:
                    console.print(f"{what} ...")
            bar.update(tasks[what], completed=done, total=of)

        yield show
        for task in tasks.values():
            bar.update(task, completed=bar.tasks[task].total)
