"""One fine-tuning in a process of its own, written like a script of transformers.

It imports nothing of ours, so that its time is the time a user of Trainer waits: import, tune, evaluate, end.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from huggingface_hub import snapshot_download
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)


def run(model_id: str, task: str, epochs: float, batch: int, length: int, precision: str) -> float:
    """Fine-tune on a GLUE task; return the accuracy on its validation set."""
    hub = snapshot_download("nyu-mll/glue", repo_type="dataset", allow_patterns=f"{task}/*")
    tokenizer = AutoTokenizer.from_pretrained(model_id)

    def examples(split: str) -> list[dict[str, Any]]:
        frame = pd.concat(map(pd.read_parquet, sorted(Path(hub, task).glob(f"{split}-*.parquet"))))
        texts = [frame[name].tolist() for name in ("sentence", "sentence1", "sentence2") if name in frame]
        encoded = tokenizer(*texts, truncation=True, max_length=length)
        return [
            {name: values[i] for name, values in encoded.items()} | {"labels": label}
            for i, label in enumerate(frame["label"].tolist())
        ]

    with tempfile.TemporaryDirectory() as folder:
        training = Trainer(
            AutoModelForSequenceClassification.from_pretrained(model_id, num_labels=2),
            TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=batch,
                per_device_eval_batch_size=64,
                num_train_epochs=epochs,
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                bf16=precision == "bfloat16",
            ),
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=examples("train"),
            eval_dataset=examples("validation"),
            compute_metrics=lambda p: {"accuracy": np.mean(np.argmax(p.predictions, -1) == p.label_ids)},
        )
        training.train()
        return float(training.evaluate()["eval_accuracy"])


if __name__ == "__main__":
    model, task, epochs, batch, length, precision = sys.argv[1:]
    print(run(model, task, float(epochs), int(batch), int(length), precision))
