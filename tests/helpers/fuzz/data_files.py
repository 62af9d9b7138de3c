"""Folders of data as files: every format, changes of the files, and what a reader must find in them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets

from helpers.fuzz.words import mangled

if TYPE_CHECKING:
    from helpers.fuzz.data_folders import Folder

NESTED = ("jsonl", "json", "parquet")
FORMS = (*NESTED, "csv", "csv", "tsv")
DELIMITED = ("csv", "tsv")


def write(made: Folder, place: Path) -> None:
    """Write the rows of every split to a file of its own."""
    place.mkdir(parents=True)
    for split, rows in made.rows.items():
        path = place / f"{split}.{made.form}"
        names = list(dict.fromkeys(name for row in rows for name in row)) or ["text", "label"]
        if made.form in DELIMITED:
            path.write_bytes(_delimited(rows, names, made.form).encode("utf-8", "surrogatepass"))
        elif made.form == "parquet":
            _parquet(rows, names, path, made)
        else:
            lines = [json.dumps(row, default=str, ensure_ascii=len(rows) % 2 == 0) for row in rows]
            text = "\n".join(lines) if made.form == "jsonl" else f"[{', '.join(lines)}]"
            path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _delimited(rows: list[dict[str, Any]], names: list[str], form: str) -> str:
    text = io.StringIO()
    quoting = {"quoting": csv.QUOTE_ALL} if form == "tsv" else {}
    writer = csv.writer(text, delimiter="\t" if form == "tsv" else ",", lineterminator="\n", **quoting)  # type: ignore[arg-type]
    writer.writerow(names)
    writer.writerows([["" if row.get(name) is None else row[name] for name in names] for row in rows])
    return text.getvalue()


def _parquet(rows: list[dict[str, Any]], names: list[str], path: Path, made: Folder) -> None:
    """A Parquet file; of values that Arrow cannot hold in one column, JSON lines in its place."""
    try:
        data = datasets.Dataset.from_dict({name: [row.get(name) for row in rows] for name in names})
        data.to_parquet(path)
    except Exception:
        path.with_suffix(".jsonl").write_text("\n".join(json.dumps(row, default=str) for row in rows))
        made.known = False


def expected(made: Folder, refused: object) -> Any:
    """The gold targets by set, and the number of examples by split.

    None if they are not known; ``refused`` if the rows must not be taken.
    """
    gold: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    for split, rows in made.rows.items():
        if not rows:
            return refused
        if any(_bad_text(row.get(name), made, rows, name) for row in rows for name in made.task.text):
            return refused
        column = [row.get(made.task.target) for row in rows]
        if made.task.target not in {name for row in rows for name in row} and split == "train":
            return refused
        targets = _meaning(column, made, rows)
        if targets is None or isinstance(targets, str):
            return refused if targets else None
        flat = [t for one in targets for t in (one if isinstance(one, list) else [one])]
        known = [
            target for target in flat if not math.isnan(target) and (target != -1 or not made.task.labels)
        ]
        if split == "dev" and not made.task.labels and set(flat) == {-1}:
            return None  # hidden, as in GLUE's test sets: predicted and not scored
        if split == "train" and len(set(known)) < 2:
            return refused
        if (
            split == "dev"
            and len(set(known)) == 1
            and {"pearson", "matthews_correlation"} & {*made.task.metrics}
        ):
            return refused
        if split == "dev":
            gold["dev"], counts["dev"] = flat, len(rows)
        elif made.task.kind == "classification":
            counts["train"] = len(known)
    return gold, counts


def _bad_text(value: Any, made: Folder, rows: list[dict[str, Any]], name: str) -> bool:
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return True
    if made.form in DELIMITED:
        return not any(name in row for row in rows)
    if made.task.kind == "tagging":
        return not isinstance(value, list) or not all(isinstance(word, str) for word in value)
    return not isinstance(value, str)


def _meaning(column: list[Any], made: Folder, rows: list[dict[str, Any]]) -> list[Any] | str | None:
    """The targets that a column stands for; a text if it must be refused, None if that is not known."""
    if made.form in DELIMITED:
        column = _as_read(["" if value is None else str(value) for value in column])
    kinds = {type(value) for value in column if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        return None
    if made.task.kind == "tagging":
        return None if kinds != {list} else _tags(made, rows)
    if kinds & {list, dict, bytes}:
        return "no class"
    result: list[float] = []
    for value in column:
        meaning = _value(value) if not made.task.labels else _class(value, made.task.labels)
        if isinstance(meaning, str):
            return meaning
        result.append(meaning)
    return result


def _class(value: Any, labels: list[str]) -> int | str:
    if value is None:
        return -1
    if isinstance(value, str):
        return labels.index(value) if value in labels else "no label"
    if isinstance(value, bool) or value != int(value) if math.isfinite(value) else True:
        return "no class"
    return int(value) if -1 <= value < len(labels) else "out of range"


def _value(value: Any) -> float | str:
    if value is None:
        return math.nan
    if isinstance(value, bool | str) or not math.isfinite(value) or abs(value) > 3.4e38:
        return "no value"
    return float(value)


def _tags(made: Folder, rows: list[dict[str, Any]]) -> list[list[int]] | str | None:
    result = []
    for row in rows:
        words, tags = row.get("words"), row.get("tags")
        if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
            return None
        if any(tag is not None and tag not in made.task.labels for tag in tags):
            return None
        result.append([-1 if tag is None else made.task.labels.index(tag) for tag in tags])
    return result


def _as_read(fields: list[str]) -> list[Any]:
    """A column of text as numbers, if all its fields are numbers."""
    stated = [value for value in fields if value]
    if stated and all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", value) for value in stated):
        return [int(value) if value else None for value in fields]
    number = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?(e[-+]?\d+)?|nan")
    if stated and all(number.fullmatch(value) for value in stated):
        return [float(value) if value else None for value in fields]
    return [value or None for value in fields]


# Changes of files; each returns True if the rows stay what they were ----------------------------------------


def _file(rng: random.Random, place: Path) -> Path:
    return rng.choice(sorted(path for path in place.iterdir() if path.is_file()))


def spelling(rng: random.Random, made: Folder, place: Path) -> bool:
    """Another spelling of the same: a byte order mark, line ends, blank lines, gzip."""
    path = _file(rng, place)
    content, is_text = path.read_bytes(), made.form != "parquet" or path.suffix == ".jsonl"
    ways = ["mark", "crlf", "blank", "gzip", "upper"] if is_text else ["upper"]
    way = rng.choice(ways)
    made.said.append(f"{path.name}: {way}")
    if way == "mark":
        path.write_bytes(b"\xef\xbb\xbf" + content)
    elif way == "crlf":
        path.write_bytes(content.replace(b"\n", b"\r\n"))
    elif way == "blank":
        path.write_bytes(content.replace(b"\n", b"\n\n", 1) + b"\n\n")
    elif way == "gzip":
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, mtime=0))
        path.unlink()
    else:
        path.rename(path.with_name(path.stem + path.suffix.upper()))
    return way != "blank" or content.count(b'"') == 0 or made.form not in DELIMITED


def damage(rng: random.Random, made: Folder, place: Path) -> bool:
    """Cut, empty, flip or lengthen a file."""
    path = _file(rng, place)
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content) + 1)
    way = rng.choice(["cut", "cut", "empty", "flip", "more", "zeros", "twice", "text"])
    made.said.append(f"{path.name}: {way} at {at}")
    if way == "flip" and content:
        content[at - 1] ^= 1 << rng.randrange(8)
    changed = {
        "cut": bytes(content[:at]),
        "empty": b"",
        "flip": bytes(content),
        "more": bytes(content) + rng.choice([b"\xff\xfe", b"\x00", b"{", b'"', b"a,b,c\n", b"x\n", b"version https://git-lfs"]),
        "zeros": b"\0" * 64,
        "twice": bytes(content) * 2,
        "text": mangled(rng, content.decode("utf-8", "replace")).encode("utf-8", "replace"),
    }[way]  # fmt: skip
    path.write_bytes(changed)
    return False


def encoding(rng: random.Random, made: Folder, place: Path) -> bool:
    """Write a file in another encoding, or with the name of another format."""
    path = _file(rng, place)
    content = path.read_bytes()
    way = rng.choice(["utf-16", "utf-32", "latin-1", "name", "pointer", "gzip"])
    made.said.append(f"{path.name}: {way}")
    if way == "name":
        path.rename(
            path.with_suffix(
                rng.choice([".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".csv.gz", ".txt", ""])
            )
        )
    elif way == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif way == "gzip":
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, mtime=0)[: rng.randrange(9, 60)])
        path.unlink()
    else:
        path.write_bytes(content.decode("utf-8", "replace").replace("a", "é", 1).encode(way, "replace"))
    return False


def layout(rng: random.Random, made: Folder, place: Path) -> bool:
    """Name, move or add files."""
    path = _file(rng, place)
    way = rng.choice(
        [
            "shard",
            "shards",
            "folder",
            "link",
            "loop",
            "readme",
            "other",
            "name",
            "gone",
            "is folder",
            "mixed",
            "more",
        ]
    )
    made.said.append(f"{path.name}: {way}")
    if way == "shard":
        path.rename(place / f"{path.stem}-00000-of-0000{rng.randint(1, 3)}{path.suffix}")
    elif way == "shards":
        for number in range(2):
            (place / f"{path.stem}-0000{number}-of-00002{path.suffix}").write_bytes(path.read_bytes())
        path.unlink()
    elif way == "folder":
        (place / "data").mkdir()
        path.rename(place / "data" / path.name)
    elif way == "link":
        path.unlink()
        path.symlink_to("/nothing")
    elif way == "loop":
        (place / "loop").symlink_to(place)
    elif way == "readme":
        (place / "README.md").write_text(f"---\n{mangled(rng, CARD)}\n---\n# Data\n")
    elif way == "other":
        (
            place
            / rng.choice(["notes.txt", "dataset_info.json", "load.py", ".hidden.csv", "train.py", "é.csv"])
        ).write_text("{}")
    elif way == "name":
        path.rename(
            place
            / f"{rng.choice(['training', 'x', 'val', 'train_dev', 'a b', 'dev.train', '-'])}{path.suffix}"
        )
    elif way == "gone":
        path.unlink()
    elif way == "is folder":
        path.unlink()
        path.mkdir()
    elif way == "mixed":
        (place / f"{path.stem}.json").write_text("[]")
    else:
        (place / f"{path.stem}-2{path.suffix}").write_bytes(path.read_bytes())
    return False


CARD = """configs:
- config_name: default
  data_files:
  - split: train
    path: train*
  - split: dev
    path: "dev*"
"""
CHANGES: list[Callable[[random.Random, Folder, Path], bool]] = [
    spelling,
    spelling,
    damage,
    damage,
    encoding,
    layout,
    layout,
]
