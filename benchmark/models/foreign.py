"""The content of a folder or file that is no checkpoint's, for messages. Needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

OURS = ("*.safetensors", "*.bin")
FOREIGN = {  # weights that another library reads
    "*.onnx": "ONNX",
    "onnx/*.onnx": "ONNX",
    "*.gguf": "llama.cpp",
    "*.h5": "TensorFlow",
    "saved_model.pb": "TensorFlow",
    "*.msgpack": "Flax",
    "*.ot": "Rust",
    "*.ckpt": "a training script's own format",
    "*.pt": "a training script's own format",
    "*.pth": "a training script's own format",
}
SHOWN = 4  # names in a message


def content(folder: Path) -> str:
    """The weights of another library in a folder, else the names in it."""
    kinds = {kind: path.name for pattern, kind in FOREIGN.items() for path in sorted(folder.glob(pattern))}
    if kinds and not any(path for pattern in OURS for path in folder.glob(pattern)):
        return f"only {next(iter(kinds.values()))}, of {next(iter(kinds))}"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing in it"


def other_encoding(path: Path) -> str | None:
    """The encoding of a JSON file that is whole, and not in plain UTF-8; else None."""
    try:
        json.loads(text := path.read_bytes())  # it finds the encoding itself
    except (OSError, ValueError):
        return None
    name = json.detect_encoding(text)
    return {"utf-8": None, "utf-8-sig": "UTF-8 with a byte order mark"}.get(name, name.upper())
