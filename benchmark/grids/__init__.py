"""A sweep file's declaration of a table, and the runs of its axes."""
