"""A method of one's own beside the reference runs of the campaigns, paired by seed."""
