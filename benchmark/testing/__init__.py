"""Checks of the promises that every method makes, usable for any method; no network, no GPU.

Each of ``CHECKS`` takes the settings of a method, as its file in `conf/method/` has them (``_target_`` and
values). It raises AssertionError with the reason if the promise is broken. With pytest:

    from benchmark.testing import CHECKS, settings_of

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_method(check):
        check(settings_of("conf/method/mine.yaml"))

A method that cannot keep a promise names the check in its ``exempt``, with the reason.
"""

from benchmark.testing.checks import CHECKS
from benchmark.testing.fixtures import settings_of

__all__ = ["CHECKS", "settings_of"]
