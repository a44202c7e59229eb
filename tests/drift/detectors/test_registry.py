"""Which detectors are registered."""

import subprocess
import sys

from drift.detectors.registry import DETECTORS


def test_the_detectors_of_the_older_system_and_those_of_both_packages_are_registered():
    assert list(DETECTORS) == [
        "glr",
        "ddm",
        "eddm",
        "page_hinkley",
        "skmultiflow.ddm",
        "skmultiflow.eddm",
        "skmultiflow.page_hinkley",
        "river.adwin",
        "river.hddm_a",
        "river.hddm_w",
        "river.kswin",
    ]


def test_a_package_is_imported_only_when_one_of_its_detectors_is_made():
    code = (
        "import sys, drift.monitor, drift.warm_up\n"
        "from drift.detectors.registry import DETECTORS\n"
        "assert 'river' not in sys.modules\n"
        "DETECTORS['river.hddm_a']()\n"
        "assert 'river' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
