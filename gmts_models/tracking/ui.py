"""MLflow's pages on a store of runs: a small server on this machine, for one person."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from gmts_models.errors import InputError, PublishError
from gmts_models.tracking.client import hide_password, tracker
from gmts_models.tracking.store import Store, find_store
from gmts_models.tracking.views import view_address

HOST = "127.0.0.1"
DEFAULT_PORT = 5000
_PORTS_TRIED = 20
_SECONDS_TO_START = 90
_SECONDS_TO_STOP = 10
_MOST_EXPERIMENTS = 1000
_print_now = partial(print, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to look at: an experiment, or where there is none the start page."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Experiment:
    id: str
    name: str
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UiServer:
    """A running server.

    Attributes
    ----------
    url : its address.
    pages : of the experiments, the last changed first.
    process : which ends when the server does.
    log : what it says.
    """

    url: str
    pages: tuple[Page, ...]
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def wait(self) -> None:
        """Wait until interrupted.

        Raises
        ------
        PublishError : the server ended by itself.
        """
        self.process.wait()
        raise _ended("MLflow's server ended", self.url, self.log)


def open_ui(
    store: Path | None = None,
    *,
    port: int = DEFAULT_PORT,
    open_browser: bool = True,
    say: Callable[[str], None] = _print_now,
) -> None:
    """Show the runs of a store in MLflow's pages, until Ctrl-C.

    The server listens on this machine alone. Where MLFLOW_TRACKING_URI names a server, only
    its address is said.

    Parameters
    ----------
    store : the store folder; default: as `find_store` says.
    port : the first to try; if it is taken, one of the next 19.
    open_browser : whether to open the page of the experiment changed last.
    say : takes each line for the user.

    Raises
    ------
    InputError : nothing was published yet, or all ports tried are taken.
    PublishError : the store cannot be read, or the server did not start or ended by itself.
    """
    found = find_store(store)
    if found.tracking_uri.startswith(("http://", "https://")):
        address = hide_password(found.tracking_uri).rstrip("/")
        say(f"Runs are on {address}/#/?workflowType=machine_learning")
        return
    if found.is_default_backend and not found.database.exists():
        raise InputError(
            "nothing was published in this store yet",
            where=str(found.root),
            fix="gmts-models run CONFIG, or gmts-models publish RUN_FOLDER",
        )
    say("Starting MLflow's pages: 5 to 20 seconds ...")
    try:
        with _ends_as_ctrl_c(), serve(found, port) as server:
            for page in server.pages:
                say(f"{page.name}: {page.url}")
            say("Ctrl-C ends it.")
            if open_browser:
                webbrowser.open(server.pages[0].url)
            server.wait()
    except KeyboardInterrupt:
        say("Ended.")


@contextmanager
def serve(store: Store, port: int = DEFAULT_PORT) -> Iterator[UiServer]:
    """Run the server, and end it, with what it started, on leaving.

    Raises
    ------
    InputError, PublishError : as `open_ui`.
    """
    experiments = _experiments(store.tracking_uri)
    url = f"http://{HOST}:{_free_port(port)}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            _command(url),
            cwd=store.root,
            env=_environment(store),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: we end the server in order, with what it started.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            _wait_until_up(process, url, log, experiments)
            yield UiServer(url=url, pages=_pages(url, experiments), process=process, log=log)
        finally:
            _stop(process)


def _wait_until_up(
    process: subprocess.Popen[bytes], url: str, log: IO[bytes], experiments: list[_Experiment]
) -> None:
    last = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < last and process.poll() is None:
        there = _ask_experiments(url)
        if there is None:
            time.sleep(0.2)
            continue
        # Ours takes seconds to bind the port: another may have taken it meanwhile.
        if there.isdisjoint((experiment.id, experiment.created) for experiment in experiments):
            raise PublishError(
                "another MLflow server took the port meanwhile", where=url, fix="try again"
            )
        return
    raise _ended("MLflow's server did not start", url, log)


def _ended(what: str, url: str, log: IO[bytes]) -> PublishError:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()
    words = hide_password(" / ".join(lines[-3:]) or "none")
    return PublishError(what, where=url, fix=f"its last words: {words}")


@contextmanager
def _ends_as_ctrl_c() -> Iterator[None]:
    """Take being terminated, or the terminal's closing, as Ctrl-C: the server must not stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _experiments(uri: str) -> list[_Experiment]:
    """Return the experiments, the last changed first."""
    with tracker(uri, fix="mend the store, then: gmts-models ui") as client:
        found = client.search_experiments(max_results=_MOST_EXPERIMENTS)
        ordered = sorted(found, key=lambda e: e.last_update_time or 0, reverse=True)
        return [
            _Experiment(id=str(e.experiment_id), name=e.name, created=int(e.creation_time or 0))
            for e in ordered
        ]


def _ask_experiments(url: str) -> set[tuple[str, int]] | None:
    """Return id and time of creation of each experiment that a server knows; None: no answer."""
    request = urllib.request.Request(
        f"{url}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": _MOST_EXPERIMENTS}).encode(),
        headers={"Content-Type": "application/json"},
    )
    # Past any proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            found = json.load(answer).get("experiments", [])
    except (OSError, ValueError, AttributeError):
        return None
    return {(str(e["experiment_id"]), int(e.get("creation_time", 0))) for e in found}


def _pages(url: str, experiments: list[_Experiment]) -> tuple[Page, ...]:
    pages = [
        Page(name=experiment.name, url=f"{url}/{view_address(experiment.id)}")
        for experiment in experiments
        if experiment.name != "Default"  # MLflow's own, empty
    ]
    return tuple(pages) or (Page(name="MLflow", url=f"{url}/#/?workflowType=machine_learning"),)


def _command(url: str) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", HOST, "--port", url.rpartition(":")[2]),
        *("--workers", "1", "--no-serve-artifacts"),
    ]


def _environment(store: Store) -> dict[str, str]:
    """Return ours without MLflow's settings, which could widen what the server does.

    The address is given here, not on the command line: other users see that, with a password.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "_MLFLOW_", "UVICORN_", "GUNICORN_"))
    }
    return kept | {
        "MLFLOW_BACKEND_STORE_URI": store.tracking_uri,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": store.artifacts.as_uri(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # saves 1 GB of memory
        "PYTHONUTF8": "1",
    }


def _free_port(first: int) -> int:
    if not 1 <= first <= 65535:
        raise InputError(f"{first} is not a port", where="port", fix="choose one from 1024 on")
    for port in range(first, min(first + _PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            if os.name != "nt":  # on Windows this would let two servers share a port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise InputError(
        f"ports {first} to {port} are taken or not allowed",
        where="port",
        fix="choose another with --port",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        # terminate() would leave the server's child behind.
        subprocess.run(
            ["taskkill", "/PID", str(process.pid), "/T", "/F"], capture_output=True, check=False
        )
    else:
        # The second is for a child that outlives its parent.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(_SECONDS_TO_STOP)
    process.wait()
