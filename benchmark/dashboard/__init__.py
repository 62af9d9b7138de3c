"""Dashboards of tables in Weights & Biases, as code: a workspace and a report for each."""
