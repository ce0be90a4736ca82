"""One process at a time: a lock that the system releases even when its holder is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gmts_models.errors import PublishError

_SECONDS_TO_WAIT = 120.0

if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)


@contextmanager
def one_at_a_time(file: Path, *, fix: str, seconds: float = _SECONDS_TO_WAIT) -> Iterator[None]:
    """Hold the lock on `file`, which is made and stays; where the drive knows locks.

    Parameters
    ----------
    file : of nothing else.
    fix : what the error proposes.
    seconds : to wait for another holder.

    Raises
    ------
    PublishError : another process still holds it, or the file cannot be made.
    """
    try:
        stream = file.open("ab")
    except OSError as error:
        raise PublishError(
            f"the store cannot be written: {error.strerror}", where=str(file), fix=fix
        ) from error
    with stream:
        held = _wait_for_lock(stream, file, fix, seconds)
        try:
            yield
        finally:
            if held:
                _unlock(stream)


def _wait_for_lock(stream: IO[bytes], file: Path, fix: str, seconds: float) -> bool:
    last = time.monotonic() + seconds
    while True:
        try:
            _try_lock(stream)
        except (BlockingIOError, PermissionError) as error:  # another's: on POSIX, on Windows
            if time.monotonic() > last:
                raise PublishError(
                    f"another process has been publishing for {seconds:g} seconds",
                    where=str(file),
                    fix=fix,
                ) from error
            time.sleep(0.05)
        except OSError:  # a network drive that knows no locks
            return False
        else:
            return True
