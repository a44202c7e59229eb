"""scikit-multiflow's own drift detectors, also where the package itself cannot be imported.

scikit-multiflow 0.5.3 has no wheel for Python 3.11 and its C extensions do not compile there, so ``import
skmultiflow`` fails. Its detectors are pure Python and need only one empty base class of the package. Where
the extensions are missing we import the detectors under stand-in parent modules and take these out of
``sys.modules`` again; a complete installation is imported as it is.

Our own detectors do not use this. The detectors named ``skmultiflow.`` do, and the parity tests.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

_PACKAGE = "skmultiflow"
_DETECTORS = f"{_PACKAGE}.drift_detection"
_EXTENSION = "metrics/_classification_performance_evaluator.*"
"""One of the compiled modules that ``import skmultiflow`` needs; its source ends in .pyx and .cpp."""

_lock = threading.Lock()
_loaded: ModuleType | None = None


def drift_detection() -> ModuleType:
    """Import ``skmultiflow.drift_detection``: ADWIN, DDM, EDDM, HDDM_A, HDDM_W, KSWIN and PageHinkley.

    Detectors got through the stand-in work, but cannot be pickled, as their module is not importable by name.

    :returns: the module; the same one on every call.
    :raises ImportError: if scikit-multiflow is not installed.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            directory = _package_directory()
            _loaded = (
                importlib.import_module(_DETECTORS) if _is_complete(directory) else _import_alone(directory)
            )
        return _loaded


def _package_directory() -> Path:
    # find_spec on a top-level name locates the package without running it
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        # Not "pip install scikit-multiflow": pip cannot build it for Python 3.11.
        raise ImportError(
            "scikit-multiflow is not installed; `make install` in a checkout builds it without its C parts"
        )
    return Path(spec.submodule_search_locations[0])


def _is_complete(directory: Path) -> bool:
    return any(path.suffix in (".so", ".pyd") for path in directory.glob(_EXTENSION))


def _import_alone(directory: Path) -> ModuleType:
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    for name in before:
        del sys.modules[name]
    try:
        sys.modules[_PACKAGE] = _stand_in(_PACKAGE, directory)
        core = _stand_in(f"{_PACKAGE}.core", directory / "core")
        vars(core)["BaseSKMObject"] = type("BaseSKMObject", (), {"__doc__": "Stand-in for the common base."})
        sys.modules[core.__name__] = core
        return importlib.import_module(_DETECTORS)
    finally:
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_ours(name: str) -> bool:
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _stand_in(name: str, directory: Path) -> ModuleType:
    module = ModuleType(name, "Stand-in parent without content.")
    module.__path__ = [str(directory)]
    return module
