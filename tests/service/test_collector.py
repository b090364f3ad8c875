"""Cycles that requests leave behind are collected, though seldom."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from studyhall import collector

class Ring:
    def __init__(self):
        self.me = self

before = Ring()
collector.settle()
assert gc.get_freeze_count() > 0
kept = weakref.ref(before)
left = weakref.WeakSet()
most = 0
for _ in range(3 * collector.COLLECT_AFTER):
    left.add(Ring())
    most = max(most, len(left))
assert kept() is before
print(most <= collector.COLLECT_AFTER)
"""


def test_what_requests_leave_is_collected():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
