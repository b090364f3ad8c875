"""The inner side of program sandboxes. Free of imports: the fork server passes through it."""
