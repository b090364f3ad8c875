"""Quizzes inside lessons: their questions, each learner's attempts, and keys that leave only after an answer."""
