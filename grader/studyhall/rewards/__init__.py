"""XP, levels, streaks and the leaderboard: derived from events, written once, never taken back."""
