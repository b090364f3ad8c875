"""Routes of quizzes."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/quizzes/{quiz}"),
    RelayRoute("POST", "/quizzes/{quiz}/attempts"),
    RelayRoute("GET", "/quiz-attempts/{id}"),
    RelayRoute("PUT", "/quiz-attempts/{id}/answers"),
    RelayRoute("POST", "/quiz-attempts/{id}/submit"),
)
