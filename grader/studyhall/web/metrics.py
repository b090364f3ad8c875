"""Numbers for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "studyhall_request_seconds", "Time that an API request took, in seconds.", ["method", "route", "status"]
)
API_ERRORS = Counter("studyhall_api_errors", "API answers that were errors, by code.", ["code"])
SUBMISSIONS = Counter("studyhall_submissions_accepted", "Submissions accepted.")
GRADED = Counter("studyhall_submissions_graded", "Reports stored, by status.", ["status"])
GRADING_SECONDS = Histogram(
    "studyhall_grading_seconds", "Time from the judge's start to its report, in seconds."
)
QUEUE_DEPTH = Gauge("studyhall_submission_queue_depth", "Submissions that wait for a worker.")
STREAMS = Gauge("studyhall_event_streams", "Live streams that are open.")
