"""What a task is at run time: tokenised examples of its splits, its loss and its scores."""

from benchmark.tasks.base import Kind, Measure, Task
from benchmark.tasks.classification import Classification
from benchmark.tasks.examples import Examples
from benchmark.tasks.loading import draw_subset, load

__all__ = ["Classification", "Examples", "Kind", "Measure", "Task", "draw_subset", "load"]
