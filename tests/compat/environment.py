"""Environments of their own for packages that cannot live beside those of the test environment.

    environment("previous-sdks", "openai<3", "anthropic<1").test("tests/compat/test_sdks.py")

One is a venv under build/env, made once: what is asked for is installed there, everything else (pytest, penstock as it
is built here) is seen from the environment that runs the tests, or from one that is put `behind` it. The name of its
folder tells what is in it, so a change of the list makes another one; a folder that was not finished is made anew. pip
keeps its own cache of downloads.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/env"
INSTALL_LIMIT_S, TEST_LIMIT_S = 300, 200
MARK = "[0-9a-f]" * 12  # in a folder's name: of what is in it


@dataclass(frozen=True, slots=True)
class Environment:
    """A venv that is complete."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin/python"

    def test(self, *arguments: str) -> str:
        """Run pytest in it; its output. AssertionError with the output when a test fails or none ran."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TEST_LIMIT_S,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def version(self, package: str) -> tuple[int, ...]:
        """Of a package as the environment sees it."""
        code = f"from importlib.metadata import version; print(version({package!r}))"
        text = subprocess.run([str(self.python), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
        return tuple(int(part) for part in text.strip().split(".") if part.isdecimal())


def environment(name: str, *requirements: str, behind: Environment | None = None) -> Environment:
    """The environment with these packages (or options of pip), made if it is not there. CalledProcessError when pip
    fails."""
    others = sysconfig.get_path("purelib") if behind is None else str(_site(behind.python))
    folder = FOLDER / f"{name}-{_mark((others, *requirements))}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _locked(FOLDER / f"{name}.lock"):
        if not (folder / "complete").exists():
            for old in FOLDER.glob(f"{name}-{MARK}"):
                shutil.rmtree(old)
            _make(folder, requirements, others)
            (folder / "complete").touch()
    return Environment(folder)


def _mark(requirements: tuple[str, ...]) -> str:
    what = "\n".join((sys.version, sys.prefix, *requirements))
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def _make(folder: Path, requirements: tuple[str, ...], others: str) -> None:
    venv.create(folder, with_pip=False, symlinks=True)
    made = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(made), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *requirements], check=True, timeout=INSTALL_LIMIT_S)
    # What is not installed here is found there; its .pth files too, so that penstock is the one built here.
    (_site(made) / "behind.pth").write_text(f"import site; site.addsitedir({others!r})\n")


def _site(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([str(python), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
