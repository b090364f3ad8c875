"""Staff power for a terminal, small and short: a token for one course and some hours, approved in the browser."""
