"""Tasks at run time: tokenised examples of their splits, losses and scores."""

from benchmark.tasks.classification import Classification
from benchmark.tasks.kind import Examples, Kind, Measure
from benchmark.tasks.loading import load, look
from benchmark.tasks.subset import draw_subset
from benchmark.tasks.task import Task

__all__ = ["Classification", "Examples", "Kind", "Measure", "Task", "draw_subset", "load", "look"]
