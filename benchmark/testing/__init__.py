"""What every method promises, as checks that anybody can run on a method of their own; no network, no GPU.

Each of ``CHECKS`` takes the settings of a method as its file in `conf/method/` has them (``_target_`` and
values) and raises AssertionError with the reason if the promise is broken. With pytest:

    from benchmark.testing import CHECKS, settings_of

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_method(check):
        check(settings_of("conf/method/mine.yaml"))

A method that cannot keep a promise says so, with the reason, in its ``exempt``, by the name of the check.
"""

from benchmark.testing.checks import CHECKS
from benchmark.testing.fixtures import settings_of

__all__ = ["CHECKS", "settings_of"]
