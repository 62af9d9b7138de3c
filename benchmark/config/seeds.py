"""Separate seeds in a run, for studies of one source of chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmark.randomness import Seeds


@dataclass
class SeedsConfig:
    """Separate seeds; None is the run's own ``seed``.

    ``head`` draws the weights that a checkpoint lacks. ``order`` draws the order of the training examples, in
    surveys too. ``dropout`` draws the model's masks. ``noise`` draws everything random in methods.
    """

    head: int | None = None
    order: int | None = None
    dropout: int | None = None
    noise: int | None = None

    def apart(self, seed: int) -> dict[str, int]:
        """The stated seeds that are not ``seed``, by the names of what they draw."""
        return {name: own for name, own in asdict(self).items() if own not in (None, seed)}

    def beside(self, seed: int) -> Seeds:
        """All seeds of a run with the seed ``seed``: the stated ones, else the run's own."""
        return Seeds(**asdict(Seeds.all(seed)) | self.apart(seed))
