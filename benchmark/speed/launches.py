"""Number of kernels and copies in a captured update, from the driver without a profiler."""

from __future__ import annotations

import ctypes
from functools import partial
from unittest import mock

import torch
from transformers import PreTrainedModel

from benchmark.speed.conditions import Conditions
from benchmark.speed.sides import in_training
from benchmark.tasks import Task
from benchmark.training.graphs import GraphedLearner


def of_update(model: PreTrainedModel, task: Task, here: Conditions) -> str:
    """Number of nodes of an update's graph, or the failure to count, in words."""
    try:
        with mock.patch.object(torch.cuda, "CUDAGraph", partial(torch.cuda.CUDAGraph, keep_graph=True)):
            training = in_training(model, task, here, 1000)
            learner = training.learner
            assert isinstance(learner, GraphedLearner), "updates are not captured"
            number, batch = next(training.course.batches())
            for again in range(2):
                learner.update(number + again, batch)
        graph = next(known.graph for known in learner.captured.values() if known.graph is not None)
        nodes = ctypes.c_size_t()
        driver = ctypes.CDLL("libcuda.so.1")
        handle = ctypes.c_void_p(graph.raw_cuda_graph())
        status = driver.cuGraphGetNodes(handle, None, ctypes.byref(nodes))
        assert status == 0, f"the driver says {status}"
    except Exception as error:  # nothing else depends on this figure
        return f"kernel launches not counted ({' '.join(str(error).split())[:150]})"
    return f"{nodes.value} kernels and copies in the graph of an update"
