"""The training loop of a run, in the order of time."""

from __future__ import annotations

from benchmark.progress import CONTINUING, Tell, silence
from benchmark.training.assemble import Training
from benchmark.training.clock import Clock
from benchmark.training.evaluation import NotFiniteError
from benchmark.training.journal import Journal, Outcome
from benchmark.training.listener import DEAF, Listener
from benchmark.training.live_rows import live_rows
from benchmark.training.onlooker import NOBODY, Onlooker
from benchmark.training.snapshot import NEVER, Keeping, Progress


def fine_tune(
    training: Training,
    snapshot: Keeping = NEVER,
    watch: Onlooker = NOBODY,
    tell: Tell = silence,
    listener: Listener = DEAF,
) -> Outcome:
    """Fine-tune the model of ``training`` in place, and evaluate it as its course plans.

    The run continues from ``snapshot`` if there is one. ``watch`` looks on and changes nothing. ``tell`` is
    the progress callback, ``listener`` hears losses and scores. Raises: UnusableError if the snapshot does not fit.
    """
    course, learner = training.course, training.learner
    clock = Clock(training.device)
    watch.attach(training)
    progress = snapshot.restored(training, watch)
    if progress is None:
        progress = Progress()
        with clock.survey():
            learner.survey()
        watch.begin()
    else:
        tell(CONTINUING, progress.done, course.total)
    clock.resume(progress.seconds, progress.evaluating)
    journal = Journal(training, progress)
    listener.begin(course, progress, clock)
    words = live_rows(training, watch)
    try:
        with words.alone():
            for number, batch in course.batches(progress.done):
                with clock.update():
                    loss = learner.update(number, batch)  # forward, backward, clipping, the optimiser's step
                    words.updated()
                tell("updates", number + 1, course.total)
                watch.updated(number + 1)
                journal.learnt(loss)
                if journal.evaluates:
                    with clock.evaluation(), words.whole():
                        journal.evaluate(tell)
                listener.updated()
                if snapshot.due() and not journal.ends:
                    with words.whole():
                        snapshot.take(progress, training, watch, clock)
    except NotFiniteError:
        journal.diverged = journal.done  # divergence is a result and goes into the record
    return journal.outcome(clock, watch)
