"""scikit-multiflow's detectors are importable and leave nothing behind."""

import subprocess
import sys
from types import ModuleType

import pytest

from drift.detectors import scikit_multiflow


@pytest.fixture
def not_loaded(monkeypatch):
    monkeypatch.setattr(scikit_multiflow, "_loaded", None)


def leftovers():
    return [name for name in sys.modules if name == "skmultiflow" or name.startswith("skmultiflow.")]


def test_its_detectors_are_there_and_work():
    module = scikit_multiflow.drift_detection()
    assert {"DDM", "EDDM", "PageHinkley", "ADWIN", "HDDM_A", "HDDM_W", "KSWIN"} <= set(module.__all__)
    for name in ("DDM", "EDDM", "PageHinkley", "ADWIN", "HDDM_A", "HDDM_W"):
        detector = getattr(module, name)()
        for x in [0, 1] * 100 + [1] * 300:
            detector.add_element(x)
        assert name in repr(detector)


def test_it_is_imported_once():
    assert scikit_multiflow.drift_detection() is scikit_multiflow.drift_detection()


def test_nothing_is_left_in_sys_modules(not_loaded):
    before = leftovers()
    assert scikit_multiflow.drift_detection().DDM is not None
    assert leftovers() == before


def test_modules_that_were_there_before_are_there_after(not_loaded, monkeypatch):
    real = ModuleType("skmultiflow")
    real.__spec__ = sys.modules["sys"].__spec__.__class__("skmultiflow", None, is_package=True)
    real.__spec__.submodule_search_locations = [str(scikit_multiflow._package_directory())]
    monkeypatch.setitem(sys.modules, "skmultiflow", real)
    scikit_multiflow.drift_detection()
    assert leftovers() == ["skmultiflow"]
    assert sys.modules["skmultiflow"] is real


def test_a_failing_import_leaves_nothing_either(not_loaded, tmp_path):
    before = leftovers()
    with pytest.raises(ImportError):
        scikit_multiflow._import_alone(tmp_path)
    assert leftovers() == before


def test_a_complete_installation_is_imported_as_it_is(tmp_path):
    """In a process of its own: a package that has the compiled modules is not taken apart."""
    detectors = tmp_path / "skmultiflow" / "drift_detection"
    detectors.mkdir(parents=True)
    (tmp_path / "skmultiflow" / "__init__.py").write_text("complete = True\n")
    (detectors / "__init__.py").write_text("import skmultiflow\nDDM = skmultiflow.complete\n")
    metrics = tmp_path / "skmultiflow" / "metrics"
    metrics.mkdir()
    (metrics / "_classification_performance_evaluator.cpython-311-x86_64-linux-gnu.so").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from drift.detectors.scikit_multiflow import drift_detection\n"
        "assert drift_detection().DDM is True\n"
        "assert sys.modules['skmultiflow.drift_detection'] is drift_detection()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_the_package_the_error_says_what_to_install(not_loaded, monkeypatch):
    monkeypatch.setattr(scikit_multiflow.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="scikit-multiflow is not installed; `make install`"):
        scikit_multiflow.drift_detection()
