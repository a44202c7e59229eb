"""Imports without a search for garbage: afterwards it goes on, and leaves alone what was made."""

import subprocess
import sys

# In a process of its own: what is frozen stays so.
PROGRAM = """
import gc, weakref
from project.gc_paused import gc_paused

class Circle:
    def __init__(self):
        self.own = self

before = [each["collections"] for each in gc.get_stats()]
with gc_paused():
    kept = [[] for _ in range(100_000)]
    made = weakref.ref(Circle())
print([each["collections"] for each in gc.get_stats()] == before)
frozen = gc.get_freeze_count()
later = weakref.ref(Circle())
gc.collect()
print(frozen > 100_000, made() is not None, later() is None, gc.isenabled())
try:
    with gc_paused():
        print(gc.isenabled())
        import no_such_module
except ImportError:
    print(gc.isenabled())
gc.disable()
with gc_paused():
    pass
print(gc.isenabled())
"""


def test_nothing_is_searched_meanwhile_and_afterwards_all_is_as_before():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    searched, after, amid, failed, was_off = done.stdout.splitlines()
    assert searched == "True"
    assert after == "True True True True"
    assert (amid, failed) == ("False", "True")
    assert was_off == "False"
