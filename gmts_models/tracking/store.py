"""Where runs are kept: the store folder, found like a git folder, and its database.

::

    gmts_store/
      runs/<run>/    what an experiment wrote: the source of truth
      mlflow.db      MLflow's database, made from it
      artifacts/     MLflow's copies of the files that may be shared
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gmts_models.errors import InputError
from gmts_models.tracking.client import tracker_errors

STORE_NAME = "gmts_store"
DATABASE_NAME = "mlflow.db"
# SQLAlchemy reads these as the start of options or of an escape, so that the database would be
# made under another name than the one that was asked for.
_NOT_IN_AN_ADDRESS = "?%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A store of runs.

    Attributes
    ----------
    root : absolute path of the store folder; it exists.
    tracking_uri : MLflow's address: the database in `root`, or what MLFLOW_TRACKING_URI says.
    is_default_backend : whether `tracking_uri` is the database in `root`.
    """

    root: Path
    tracking_uri: str
    is_default_backend: bool

    @property
    def runs(self) -> Path:
        """Folder of the run folders."""
        return self.root / "runs"

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow's copies."""
        return self.root / "artifacts"

    @property
    def database(self) -> Path:
        """MLflow's database, where it is the default one."""
        return self.root / DATABASE_NAME


def find_store(store: Path | None = None) -> Store:
    """Find the store of runs, and make its folder where there is none.

    The first of these that is said:

    1. `store`, from an argument or a configuration file: runs and database are in it;
    2. MLFLOW_TRACKING_URI: runs are tracked there; run folders go where 3 to 5 say;
    3. GMTS_HOME: the store folder;
    4. the nearest ``gmts_store`` folder, from the working folder upward;
    5. a new ``gmts_store`` in the working folder, which tells git to ignore it.

    Parameters
    ----------
    store : the store folder.

    Raises
    ------
    InputError : the path is a file, cannot be made, or cannot be in a database's address.
    """
    root = _make_root(Path(store) if store is not None else _default_root())
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if store is None and uri:
        return Store(root=root, tracking_uri=uri, is_default_backend=False)
    if bad := [sign for sign in _NOT_IN_AN_ADDRESS if sign in str(root)]:
        raise InputError(
            f"the store's path holds {' and '.join(bad)}, which a database's address cannot",
            where=str(root),
            fix="choose another folder: the configuration's 'store', or GMTS_HOME",
        )
    uri = f"sqlite:///{(root / DATABASE_NAME).as_posix()}"
    return Store(root=root, tracking_uri=uri, is_default_backend=True)


def store_of(run_folder: Path) -> Path | None:
    """Return the store folder that a run folder lies in, or None where it lies elsewhere."""
    folder = run_folder.resolve()
    root = folder.parent.parent
    # Without its database it is a store all the same: the first publication was interrupted, say.
    marks = (DATABASE_NAME, "artifacts", ".gitignore")
    known = root.name == STORE_NAME or any((root / mark).exists() for mark in marks)
    return root if folder.parent.name == "runs" and known else None


def create_database(store: Store, *, fix: str) -> None:
    """Make MLflow's database in the store, where it is not there yet.

    It is built under another name and then linked into place, so that the first of several
    processes wins, the others use what it made, and a killed one leaves nothing half made.
    (MLflow's own first use is not safe: two processes can wedge the database for good.)

    Parameters
    ----------
    store : with the default database.
    fix : what a PublishError proposes.

    Raises
    ------
    PublishError : the database cannot be made.
    """
    if store.database.exists():
        return
    with tracker_errors(store.tracking_uri, fix=fix):
        folder = Path(tempfile.mkdtemp(dir=store.root, prefix=".new-"))
        try:
            _build_schema(folder / DATABASE_NAME, store.artifacts)
            _put_in_place(folder / DATABASE_NAME, store.database)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _build_schema(database: Path, artifacts: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    built = SqlAlchemyStore(f"sqlite:///{database.as_posix()}", artifacts.as_uri())
    built.engine.dispose()  # Windows renames no open file


def _put_in_place(new: Path, final: Path) -> None:
    """Give `new` the name `final`, unless another process was first."""
    try:
        os.link(new, final)
    except FileExistsError:
        pass
    except (OSError, NotImplementedError):  # a file system without hard links
        if not final.exists():
            new.replace(final)


def _default_root() -> Path:
    if home := os.environ.get("GMTS_HOME", "").strip():
        return Path(home)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / STORE_NAME).is_dir():
            return folder / STORE_NAME
    return here / STORE_NAME


def _make_root(root: Path) -> Path:
    root = root.expanduser().absolute()
    if root.is_dir():
        return root.resolve()
    try:
        root.mkdir(parents=True)
        # Run folders hold predictions for single people: never to be committed by accident.
        (root / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the store of runs cannot be made: {error.strerror or type(error).__name__}",
            where=str(root),
            fix="name a folder you may write to: the configuration's 'store', or GMTS_HOME",
        ) from error
    return root.resolve()
