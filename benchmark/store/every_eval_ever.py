"""Records as files of Every Eval Ever, a shared format of evaluation results, version 0.3.0.

    FOLDER/data/finetuning-noise-benchmark/DEVELOPER/MODEL/UUID.json      one run: a result per set and metric

See https://github.com/evaleval/every_eval_ever. All values of its ``additional_details`` are texts.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.records.disk import make_writable
from benchmark.records.record import Record

VERSION = "0.3.0"  # version of their schema
NAME = "finetuning-noise-benchmark"
UNKNOWN = "unknown"
BUILDERS = "benchmark."  # begins the names of models that the project makes itself
CORRELATIONS = ("matthews_correlation", "pearson", "spearman")  # range from -1 to 1
NOT_PORTABLE = re.compile(r"[^\w.-]+")


def write_all(records: Iterable[Record], folder: Path, organization: str) -> int:
    """Write a file for each record with scores; return their number.

    Raises: BenchmarkError if ``folder`` is not writable.
    """
    make_writable("--every-eval-ever", folder)
    written = 0
    for record in records:
        if not record.scores:
            continue
        path = folder / path_of(record, organization)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(converted(record, organization), indent=1, sort_keys=True, allow_nan=False)
        if path.exists() and path.read_text() != text:
            raise BenchmarkError(f"{path}: is there already, with something else; name another folder")
        descriptor, partial = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.chmod(partial, 0o644)
        os.replace(partial, path)
        written += 1
    return written


def path_of(record: Record, organization: str = UNKNOWN) -> Path:
    """The path of a record's file, always the same: a UUID of version 4 made of the run's id."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAME}/{record.run_id}")
    model = _developer_and_model(record, organization)
    return Path("data", NAME, *model, f"{uuid.UUID(bytes=name.bytes, version=4)}.json")


def converted(record: Record, organization: str = UNKNOWN) -> dict[str, Any]:
    """A record in their format; ``organization`` made it."""
    developer, name = _developer_and_model(record, organization)
    finished = datetime.fromisoformat(record.finished)
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{NAME}/{record.config['task']['name']}/{developer}/{name}/{record.run_id}",
        "evaluation_timestamp": record.finished,
        "retrieved_timestamp": str(finished.timestamp()),
        "source_metadata": {
            "source_name": NAME,
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "third_party",
        },
        "eval_library": {
            "name": NAME,
            "version": _version(),
            "additional_details": _texts({"code": record.environment.get("code")}),
        },
        "model_info": {
            "name": _name(record),
            "id": f"{developer}/{name}",
            "developer": developer,
            "inference_engine": {
                "name": "transformers",
                "version": str(record.environment.get("packages", {}).get("transformers", UNKNOWN)),
            },
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights" if record.model.revision else UNKNOWN,
                **_texts(
                    {
                        "fine_tuned_by": record.config["method"],
                        "seed": record.config["seed"],
                        "revision": record.model.revision,
                        "weights_sha256": record.model.digest,
                    }
                ),
            },
        },
        "evaluation_results": [
            _result(record, set_name, metric, score)
            for set_name, scores in record.scores.items()
            for metric, score in scores.items()
        ],
    }


def _result(record: Record, set_name: str, metric: str, score: float) -> dict[str, Any]:
    lowest = -1.0 if metric in CORRELATIONS else 0.0
    task, size = record.config["task"], record.examples.get(set_name)
    return {
        "evaluation_result_id": f"{record.run_id}/{set_name}/{metric}",
        "evaluation_name": f"{task['name']}.{set_name}",
        "evaluation_timestamp": record.finished,
        "source_data": _source(record, set_name),
        "metric_config": {
            "metric_id": metric,
            "metric_name": metric,
            "metric_kind": metric,
            "metric_unit": "proportion" if lowest == 0 else "correlation",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": lowest,
            "max_score": 1.0,
        },
        "score_details": {
            "score": min(max(score, lowest), 1.0),  # records allow for rounding beyond the limits
            **({"uncertainty": {"num_samples": size}} if size else {}),
        },
        "generation_config": {
            "generation_args": {"execution_command": record.command},
            "additional_details": _texts(
                {"protocol": record.config["protocol"], "data": record.config["data"]}
            ),
        },
    }


def _source(record: Record, set_name: str) -> dict[str, Any]:
    """The data set behind an evaluation set: a hub's, or another, with its digests."""
    task = record.config["task"]
    sets = task.get("evaluate", {})
    split = sets.get(set_name) or sets.get(set_name.rpartition("/")[0]) or {}
    repo = split.get("repo") or record.data.id
    revision = record.data.revisions.get(str(repo)) or record.data.revision
    details = {"data_sha256": record.data.digests, "config": split.get("config"), "revision": revision}
    source: dict[str, Any] = {"dataset_name": task["name"], "source_type": "other"}
    if repo and revision:
        source |= {"source_type": "hf_dataset", "hf_repo": repo}
        if split.get("split"):
            source["hf_split"] = str(split["split"])
        if set_name in record.examples:
            source["samples_number"] = record.examples[set_name]
    else:
        details["source"] = repo
    return {**source, "additional_details": _texts(details)}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as texts, in JSON if they are not texts already; missing values are left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in values.items()
        if value not in (None, {}, [])
    }


def _name(record: Record) -> str:
    """The model with its methods, as a reader would call it."""
    return " + ".join([record.config["model"]["name"], *sorted(record.config["method"])])


def _developer_and_model(record: Record, organization: str) -> tuple[str, str]:
    """The two parts of a hub's id, as names of folders; a model without one is ours or the organization's."""
    known = record.model.id if record.model.revision else None
    developer, _, name = (known or record.config["model"]["name"]).rpartition("/")
    own = NAME if str(record.model.id).startswith(BUILDERS) else organization
    return _portable(developer or own), _portable(name)


def _portable(name: str) -> str:
    return NOT_PORTABLE.sub("_", name).strip(". ") or UNKNOWN


def _version() -> str:
    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:  # a checkout that was not installed
        return UNKNOWN
