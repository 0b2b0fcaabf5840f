"""What a config names as "module.attribute": the Python object, found as LiteLLM finds it.

A file below the config's directory comes first (`hooks.limits.handler` is hooks/limits.py there), then what can be
imported. A class is instantiated without arguments. Each file is executed once per process.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType


class BadReference(Exception):
    """The config names something that is not there; the message says what, the cause why."""


_loaded: dict[Path, ModuleType] = {}
_made: dict[type, object] = {}


def resolve(reference: str, config_dir: str | Path) -> object:
    """The object; the same one for the same reference. Raises BadReference."""
    module_name, _, attribute = reference.rpartition(".")
    if not module_name or not attribute:
        raise BadReference(f"{reference!r} must be module.attribute")
    path = Path(config_dir, *module_name.split(".")).with_suffix(".py")
    try:
        module = _load(module_name, path.resolve()) if path.is_file() else importlib.import_module(module_name)
    except Exception as err:
        raise BadReference(f"{reference!r}: {module_name} cannot be imported: {type(err).__name__}: {err}") from err
    try:
        found: object = getattr(module, attribute)
    except AttributeError as err:
        raise BadReference(f"{reference!r}: {module.__file__ or module_name} has no {attribute}") from err
    if not isinstance(found, type):
        return found
    if found not in _made:
        try:
            _made[found] = found()
        except Exception as err:
            raise BadReference(f"{reference!r}: {attribute}() raised {type(err).__name__}: {err}") from err
    return _made[found]


def _load(name: str, path: Path) -> ModuleType:
    if path in _loaded:
        return _loaded[path]
    # Under its own name when that is free: dataclasses and pickle look a class's module up there.
    if name in sys.modules:
        name = f"penstock_config_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[path] = module
    return module
