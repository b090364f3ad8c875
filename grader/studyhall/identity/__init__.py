"""Who somebody is: the hub's word turned into a person of this cohort with roles in its courses."""
