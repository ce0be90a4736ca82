"""MLflow's pages on a store of runs: a small server on this machine, for one person."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to look at: an experiment, or where there is none the start page."""

    name: str
    url: str


class UiServer:
    """A running server; a context manager that ends it, with its children.

    Attributes
    ----------
    url : its address.
    pages : of the experiments, the last changed first.
    """

    def __init__(self, store: Store, port: int = DEFAULT_PORT) -> None:
        self.pages: tuple[Page, ...] = ()
        self.url = f"http://{HOST}:{_free_port(port)}"
        self._experiments = _experiments(store.tracking_uri)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = subprocess.Popen(
            _command(self.url),
            cwd=store.root,
            env=_environment(store),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us: we end the server in order, with what it started.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def __enter__(self) -> UiServer:
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        self.pages = _pages(self.url, self._experiments)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Return when the server ends by itself."""
        self._process.wait()

    def stop(self) -> None:
        """End the server and its children."""
        if self._process.poll() is None:
            _end(self._process, force=False)
            try:
                self._process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                _end(self._process, force=True)
                self._process.wait()
        self._log.close()

    def _wait_until_up(self) -> None:
        last = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < last:
            if self._process.poll() is not None:
                break
            if _answers(f"{self.url}/health"):
                return
            time.sleep(0.2)
        raise PublishError(
            "MLflow's server did not start",
            where=self.url,
            fix=f"its last words: {self._last_words()}",
        )

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return hide_password(" / ".join(lines[-3:]) or "none")


def open_ui(
    store: Path | None = None,
    *,
    port: int = DEFAULT_PORT,
    open_browser: bool = True,
    say: Callable[[str], None] = print,
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
    InputError : nothing was published yet, the address is not one to show, or all ports tried
        are taken.
    PublishError : the server did not start.
    """
    found = find_store(store)
    if found.tracking_uri.startswith(("http://", "https://")):
        say(f"Runs are on {hide_password(found.tracking_uri)}/?workflowType=machine_learning")
        return
    if found.is_default_backend and not found.database.exists():
        raise InputError(
            "nothing was published in this store yet",
            where=str(found.root),
            fix="gmts-models run CONFIG, or gmts-models publish RUN_FOLDER",
        )
    say("Starting MLflow's pages: 5 to 20 seconds ...")
    try:
        with UiServer(found, port) as server:
            for page in server.pages:
                say(f"{page.name}: {page.url}")
            say("Ctrl-C ends it.")
            if open_browser:
                webbrowser.open(server.pages[0].url)
            server.wait()
    except KeyboardInterrupt:
        say("Ended.")


def _experiments(uri: str) -> list[tuple[str, str]]:
    """Return name and id of each experiment with anything in it, the last changed first."""
    with tracker(uri, fix="mend the store, then: gmts-models ui") as client:
        found = client.search_experiments(max_results=100)
        ordered = sorted(found, key=lambda e: e.last_update_time or 0, reverse=True)
        return [(e.name, e.experiment_id) for e in ordered if e.name != "Default"]


def _pages(url: str, experiments: list[tuple[str, str]]) -> tuple[Page, ...]:
    pages = [Page(name=name, url=f"{url}/{view_address(id_)}") for name, id_ in experiments]
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


def _answers(url: str) -> bool:
    # Past any proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes], *, force: bool) -> None:
    if sys.platform == "win32":
        # terminate() would leave the server's child behind.
        subprocess.run(
            ["taskkill", "/PID", str(process.pid), "/T", "/F"], capture_output=True, check=False
        )
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL if force else signal.SIGTERM)
        except ProcessLookupError:
            process.wait()
