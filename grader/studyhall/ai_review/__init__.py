"""AI reviews of attempts: advice beside the notebook, never a grade, and never fed with hidden tests."""
