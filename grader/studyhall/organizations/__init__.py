"""Organisations and their cohorts: who pays, and whom one hub serves."""
