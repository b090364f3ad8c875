"""Learners' notebooks on the server of somebody who grades: opened without trust and kernel, run in the judge."""
