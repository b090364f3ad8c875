"""Moving in: an nbgrader course with its gradebook becomes a course of Studyhall (`studyhall import nbgrader`)."""
