"""Tasks at run time: tokenised examples of their splits, losses and scores."""

from benchmark.tasks.classification import Classification
from benchmark.tasks.kind import Examples, Kind, Measure
from benchmark.tasks.loading import draw_subset, load
from benchmark.tasks.task import Task

__all__ = ["Classification", "Examples", "Kind", "Measure", "Task", "draw_subset", "load"]
