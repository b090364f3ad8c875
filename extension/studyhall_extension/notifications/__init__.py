"""What the learner should know and may have missed."""
