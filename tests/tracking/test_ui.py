from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_run import write_run_folder

from gmts_models.errors import InputError, PublishError
from gmts_models.tracking import ui
from gmts_models.tracking.client import tracker
from gmts_models.tracking.publish import publish_run
from gmts_models.tracking.store import Store, find_store
from gmts_models.tracking.ui import UiServer, open_ui, serve

pytestmark = pytest.mark.tracking


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with opener.open(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.load(answer)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory, template_database: Path
) -> Iterator[tuple[Store, UiServer]]:
    """A store with a run, and its server, on a port whose first choice is taken."""
    root = tmp_path_factory.mktemp("ui") / "the store"
    root.mkdir()
    shutil.copy(template_database, root)
    store = find_store(root)
    publish_run(write_run_folder(store.runs / "one", last_month=3))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve(store, port) as server:
            assert server.url != f"http://127.0.0.1:{port}"
            yield store, server
    assert not is_open(int(server.url.rpartition(":")[2]))


@pytest.mark.slow
def test_server_shows_the_experiment(shown: tuple[Store, UiServer]) -> None:
    _, server = shown
    page = server.pages[0]
    assert page.name == "gmts"
    assert page.url.startswith(f"{server.url}/#/experiments/")
    assert "workflowType=machine_learning" in page.url
    api = f"{server.url}/api/2.0/mlflow"
    found = ask(f"{api}/experiments/get-by-name?experiment_name=gmts")["experiment"]
    runs = ask(f"{api}/runs/search", {"experiment_ids": [found["experiment_id"]]})["runs"]
    assert sorted(run["info"]["run_name"] for run in runs) == [
        "20261124-101530-3fa2",
        "cox",
        "kaplan_meier",
    ]
    # The leaderboard's own filter and order.
    view = json.loads(
        next(
            tag["value"]
            for tag in found["tags"]
            if tag["key"] == "mlflow.sharedViewState.gmts-models"
        )
    )
    best = ask(
        f"{api}/runs/search",
        {
            "experiment_ids": [found["experiment_id"]],
            "filter": view["searchFilter"],
            "order_by": [f"{view['orderByKey']} ASC"],
        },
    )["runs"]
    assert [run["info"]["run_name"] for run in best] == ["kaplan_meier", "cox"]


@pytest.mark.slow
def test_publish_to_a_server(shown: tuple[Store, UiServer], tmp_path: Path) -> None:
    _, server = shown
    folder = write_run_folder(tmp_path / "two", run_key="f" * 32, last_month=3, experiment="far")
    published = publish_run(folder, tracking_uri=server.url, store=tmp_path / "s")
    assert published.state == "created"
    assert published.url is not None
    assert published.url.startswith(f"{server.url}/#/experiments/{published.experiment_id}/runs/")
    (folder / "report.html").write_text("<p>new", encoding="utf-8")
    assert publish_run(folder, tracking_uri=server.url).state == "updated"
    assert publish_run(folder, tracking_uri=server.url).state == "unchanged"
    with tracker(server.url, fix="") as client:
        assert len(client.search_runs([published.experiment_id])) == 3


@pytest.mark.slow
def test_another_store_on_the_port_is_noticed(
    shown: tuple[Store, UiServer], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stores are opened at once, and the other's server binds the port first."""
    _, server = shown
    port = int(server.url.rpartition(":")[2])
    monkeypatch.setattr(ui, "_free_port", lambda _: port)
    # As if made at another moment.
    monkeypatch.setattr(
        ui, "_experiments", lambda _: [ui._Experiment(id="0", name="Default", created=1)]
    )
    with pytest.raises(PublishError, match="took the port"), serve(store):
        pass


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_server(shown: tuple[Store, UiServer]) -> None:
    store, _ = shown
    program = (
        "import sys; from pathlib import Path;"
        "from gmts_models.tracking.ui import open_ui;"
        "open_ui(Path(sys.argv[1]), port=5170, open_browser=False)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(store.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        while "Ctrl-C" not in lines[-1] and lines[-1]:
            lines.append(process.stdout.readline())
        port = int(lines[1].split("127.0.0.1:")[1].split("/")[0])
        assert is_open(port)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "Ended.\n", "")
    for _ in range(50):
        if not is_open(port):
            break
        time.sleep(0.1)
    assert not is_open(port)


def test_server_that_does_not_start_says_why(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no disc at http://u:secret@h/')"]
    monkeypatch.setattr(ui, "_command", lambda _: command)
    with pytest.raises(PublishError, match="did not start") as caught, serve(store):
        pass
    assert caught.value.fix == "its last words: no disc at http://***@h/"


def test_server_of_others_is_only_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://jane:secret@mlflow.example/")
    monkeypatch.setenv("GMTS_HOME", str(tmp_path / "home"))
    said: list[str] = []
    open_ui(say=said.append)
    assert said == ["Runs are on https://***@mlflow.example/#/?workflowType=machine_learning"]


def test_empty_store_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing was published"):
        open_ui(tmp_path / "new", say=lambda _: None)


def test_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="70000 is not a port"):
        ui._free_port(70000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ui, "_PORTS_TRIED", 1)
        with pytest.raises(InputError, match=f"ports {port} to {port} are taken"):
            ui._free_port(port)


def test_server_takes_no_settings_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_REMOTE_ASSISTANT", "true")
    monkeypatch.setenv("MLFLOW_HOST", "0.0.0.0")
    environment = ui._environment(store)
    assert "MLFLOW_ENABLE_REMOTE_ASSISTANT" not in environment
    assert "MLFLOW_HOST" not in environment
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    command = ui._command("http://127.0.0.1:5001")
    assert command[-5:] == ["--port", "5001", "--workers", "1", "--no-serve-artifacts"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert not [part for part in command if "sqlite" in part]
