"""Archives of records: runs' files as they are, and a manifest with the SHA-256 of each.

    manifest.json                     what it is, its tables, and the digests of its other files
    runs/RUN_ID/record.json, arrays.npz

The files are those of the store byte for byte, so that the records' seals stay valid; arrays are compressed
already. The same records always give the same bytes, independent of time and user.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.progress import Tell, silence
from benchmark.records.reading import opened
from benchmark.store.adding import FILES

MANIFEST, KIND, FORMAT = "manifest.json", "benchmark records", 1
RUNS = "runs"  # the folder in an archive


def write(output: Path, folders: Mapping[str, Path], tables: Sequence[str], tell: Tell = silence) -> int:
    """Write the results in ``folders`` (by run id) to a new archive; return its size in bytes.

    Raises: BenchmarkError if ``output`` is there already or cannot be written, DamagedError, UnreadableError.
    """
    if os.path.lexists(output):
        raise BenchmarkError(f"--output {output}: it is there already; name another file, or move it away")
    digests = {}
    for run_id, folder in sorted(folders.items()):
        for name in sorted(FILES):
            with opened(folder / name, FILES[name]) as file:
                digests[f"{RUNS}/{run_id}/{name}"] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    manifest = {"kind": KIND, "format": FORMAT, "tables": sorted(tables), "files": digests}
    text = json.dumps(manifest, indent=1, sort_keys=True).encode()
    try:
        descriptor, partial = tempfile.mkstemp(prefix=".writing-", dir=output.parent)
    except OSError as error:
        raise BenchmarkError(f"--output {output}: cannot be written ({error.strerror or error})") from error
    try:
        with os.fdopen(descriptor, "wb") as made, _packed(made) as archive:
            archive.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
            for done, name in enumerate(digests, 1):
                _, run_id, file_name = name.split("/")
                with opened(folders[run_id] / file_name, FILES[file_name]) as file:
                    archive.addfile(_member(name, os.fstat(file.fileno()).st_size), file)
                tell("files", done, len(digests))
        os.chmod(partial, 0o644)
        os.rename(partial, output)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return output.stat().st_size


@contextmanager
def _packed(file: Any) -> Iterator[tarfile.TarFile]:
    """A compressed archive without time and file name in its header."""
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=9, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        yield archive


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # no user, time 0, mode 644
    member.size = size
    return member
