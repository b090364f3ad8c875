"""nbgrader's exchange: releasing, collecting and giving feedback with its commands, over the service."""
