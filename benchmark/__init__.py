"""A reproducible GLUE/XTREME benchmark of noise and regularisation methods for fine-tuning.

The words of this package, each with its one meaning:

    task            a data set with its labels, splits and metrics
    kind            a form of task with its own items, loss and outputs (classification, tagging, …)
    item            the unit of the mean loss: an example, a labelled word, the start or end of an answer
    method          a perturbation or regulariser of fine-tuning, in one class
    setting         one choice of hyper-parameter values, searched over or not
    variant         one of several forms of a method, or of Adam, under a name of its own
    hook            a function of a method or probe that is called at a fixed time of a run
    probe           a measurement of a run for a figure, which does not change the run
    update          one change of the weights by the optimiser
    part            a share of an update's batch that is computed at a time (`micro_batch_size`)
    step            one part as methods see it: its clean pass, further passes and loss
    capture/replay  keep an update's operations as a CUDA graph, and run them again
    snapshot        the state of an unfinished run on disk, from which it continues
    run             one fine-tuning of one model on one task; its configuration determines its result
    record          the stored result of a finished run
    table           a table or figure of a paper: axes, published numbers and claims
    sweep           the file in `sweeps/` that declares a table
    grid            all planned runs of a table
    planned run     a run of a grid: its configuration, the overrides that make it, and its id
    cell            one number of a printed table, over the runs behind it
"""
