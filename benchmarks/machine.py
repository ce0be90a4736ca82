"""What the measurements were made on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYTHON = (
    *("gmts-models", "numpy", "scipy", "pandas"),
    *("lifelines", "scikit-survival", "greenwood", "comprisk"),
)
R = ("survival", "cmprsk", "glmnet")


def machine() -> dict[str, str | float | None]:
    """Describe processor, memory and system, without names of the machine, and how busy it is."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _memory() -> str:
    kilobytes = _line("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes.isdigit() else ""


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def versions() -> dict[str, str]:
    """Return those of Python and of what is installed of its libraries."""
    found = {"Python": platform.python_version()}
    for name in PYTHON:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def r_packages() -> dict[str, str]:
    """Return the versions of R and its packages."""
    names = ", ".join(f'"{name}"' for name in R)
    code = (
        'cat("R", as.character(getRversion()), "\\n");'
        f"for (p in intersect(c({names}), rownames(installed.packages())))"
        ' cat(paste("R", p), as.character(packageVersion(p)), "\\n")'
    )
    told = subprocess.run(
        ["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True
    )
    lines = (line.strip().rpartition(" ") for line in told.stdout.splitlines())
    return {name: found for name, _, found in lines}
