"""What probes find, made by hand, as it stands in a record's arrays."""

from __future__ import annotations

import numpy as np

LAYERS = np.linspace(0.2, 0.8, 4)
PROBED = {
    "probe/norm_change/kinds": np.array(["query", "key"]),
    "probe/norm_change/change": np.array([0.01, -0.02]),
    "probe/norm_change/start": np.array([10.0, 20.0]),
    "probe/token_similarity/similarity": LAYERS,
    "probe/linear_probe/rte/validation/accuracy": LAYERS,
    "probe/noise_attenuation/relative": np.triu(np.ones((4, 4))),
    "probe/sensitivity/edges": np.logspace(-2, 0, 3),
    "probe/sensitivity/counts": np.array([5, 2, 3, 0]),
    "probe/sensitivity/std": np.array(0.5),
    "probe/sensitivity/insensitive": np.array(0.2),
    "probe/sensitivity/top_share": np.array(0.4),
}
