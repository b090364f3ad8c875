"""The try-it runner: one command that starts every part of Studyhall on one machine and keeps it running.

`studyhall.supervisor.postgres.EmbeddedPostgres` and `studyhall.supervisor.valkey.EmbeddedValkey` are also
used alone, by the tests.
"""
