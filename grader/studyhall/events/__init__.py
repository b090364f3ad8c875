"""Events: written with the action itself, delivered to each subscriber once; and live updates that may be lost."""
