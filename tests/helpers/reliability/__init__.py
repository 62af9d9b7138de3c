"""An experiment: what makes a grid is killed at random moments, on each engine, and what is lost is counted."""
