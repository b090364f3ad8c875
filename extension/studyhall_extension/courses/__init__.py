"""Courses and lessons: the outline is passed on, a lesson's files are stored in the learner's folder."""
