"""XP, level, streak and leaderboard: passed on from the service."""
