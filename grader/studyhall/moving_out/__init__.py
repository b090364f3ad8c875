"""Moving out: a course of Studyhall becomes a folder for nbgrader alone (`studyhall export nbgrader`)."""
