"""Quizzes inside lessons: questions, drafts and answers, passed on from the service."""
