"""Learning platforms such as Moodle and Canvas: launches, lessons linked there, rosters, and grades passed back."""
