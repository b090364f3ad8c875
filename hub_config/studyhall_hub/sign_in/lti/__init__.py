"""Sign-in from a learning platform such as Moodle or Canvas, by LTI 1.3."""
