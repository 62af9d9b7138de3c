"""How runs are done: one of them, many at a time, and what is noted of machine and tracker."""
