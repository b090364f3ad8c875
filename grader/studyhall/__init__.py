"""The classroom service: courses, submissions, grading and everything that keeps a learner's results."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("studyhall")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
