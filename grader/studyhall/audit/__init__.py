"""The audit log: what staff changed, written in the transaction of the change and never altered."""
