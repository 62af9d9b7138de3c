"""The content of a folder without a checkpoint, for messages. Needs no torch."""

from __future__ import annotations

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
