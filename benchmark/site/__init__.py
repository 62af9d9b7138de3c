"""A folder of static pages on all that a store holds; statistics are the reporter's.

Charts are SVG with text: those of a table are its report's (`report.figures`), the curves of a run are drawn by `curves`.
Vega's would take 85 ms each: minutes for a store of thousands of runs.
"""
