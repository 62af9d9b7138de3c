"""What a task is at run time: tokenised examples of its splits, its loss and its scores."""

from benchmark.tasks.classification import Classification
from benchmark.tasks.kind import Examples, Kind, Measure
from benchmark.tasks.loading import draw_subset, load
from benchmark.tasks.task import Task

__all__ = ["Classification", "Examples", "Kind", "Measure", "Task", "draw_subset", "load"]
