"""The gradebook: which attempt counts, what people give by hand, lateness, and one number per learner and lesson."""
