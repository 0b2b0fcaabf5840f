"""What importing penstock brings along, and who may know the C extension."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import penstock

PACKAGE = Path(penstock.__file__).parent
KNOW_CORE = {"runtime.py", "tally.py"}  # import it; the others only name its types


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_no_other_client_is_imported() -> None:
    others = "{'httpx', 'httpx2', 'aiohttp', 'openai', 'msgspec', 'yaml', 'granian', 'penstock.router'}"
    assert run(f"import sys, penstock; print(sorted({others} & set(sys.modules)))") == "[]"


def test_the_router_says_which_extra_it_needs() -> None:
    code = "import sys, penstock; sys.modules['msgspec'] = None\n"
    code += "try: penstock.Router\nexcept ImportError as err: print(err)"
    assert run(code) == "penstock.Router needs msgspec: pip install 'penstock[gateway]'"


def test_the_test_tools_load_nothing_heavy() -> None:
    others = "{'httpx', 'httpx2', 'openai', 'anthropic', 'yaml', 'cryptography', 'pytest'}"
    code = "import sys, penstock; print(any('testing' in name for name in sys.modules if 'penstock' in name)); "
    code += f"from penstock.testing import *; print(sorted({others} & set(sys.modules)))"
    assert run(code).split("\n") == ["False", "[]"]


def test_importing_and_making_a_transport_starts_no_thread() -> None:
    code = "import threading, penstock, os; t = penstock.Transport(); print(len(os.listdir('/proc/self/task')), t)"
    if not Path("/proc/self/task").exists():
        code = "import penstock; print(1, penstock.Transport())"
    assert run(code) == "1 <Transport new, 0 running>"


def test_public_names_exist() -> None:
    for name in penstock.__all__:
        assert getattr(penstock, name) is not None
    assert (PACKAGE / "py.typed").exists()


def test_only_the_runtime_imports_the_extension() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        guarded = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if node not in guarded and ("_core" in names or module.endswith("_core")):
                found.add(path.name)
    assert found == KNOW_CORE
