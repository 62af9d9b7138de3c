"""Reading of archives of records from any source: nothing is added before the whole archive is verified."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from benchmark.errors import BenchmarkError
from benchmark.printable import printable
from benchmark.progress import Tell, silence
from benchmark.records.reading import DamagedError, content_of
from benchmark.records.store import Store
from benchmark.store.adding import FILES, Added, writing
from benchmark.store.archive import FORMAT, KIND, MANIFEST, RUNS

LARGEST_MANIFEST = 64_000_000  # bytes
LARGEST = 256 * 2**30  # bytes of all files together
BLOCK = 1 << 20  # bytes read at once: tarfile reads headers of extensions whole
NAME = re.compile(rf"{RUNS}/([0-9a-f]{{16}})/(record\.json|arrays\.npz)")
DAMAGE = (DamagedError, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


class Hashed:
    """A file whose digest grows while it is read."""

    def __init__(self, file: IO[bytes] | None) -> None:
        assert file is not None, "a regular file"
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        block = self.file.read(size)
        self.digest.update(block)
        return block


class Bounded:
    """A stream with a limit on each read: tarfile reads headers of extensions whole."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self.stream = stream

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes. Raises: DamagedError for more than a block."""
        if size > BLOCK or self.stream.tell() > LARGEST:
            raise DamagedError("it would be unpacked to more than is read")
        return self.stream.read(size)

    def seek(self, place: int) -> int:
        """Go to a place. Raises: DamagedError for one that is too far."""
        if place > LARGEST:
            raise DamagedError("it would be unpacked to more than is read")
        return self.stream.seek(place)

    def tell(self) -> int:
        """The place."""
        return self.stream.tell()


Sink = Callable[[str, Hashed], None]


def add(store: Store, path: Path, tell: Tell = silence) -> Added:
    """Add the records of an archive to a store.

    The whole archive is verified before anything is added. Raises: BenchmarkError for one that is damaged, of a
    newer format, or none of ours.
    """
    files = verified(path, tell)
    store.open()
    added, run_ids = Added(), sorted({name.split("/")[1] for name in files})
    with writing(store) as unpacked:

        def keep(name: str, file: Hashed) -> None:
            _, run_id, file_name = name.split("/")
            (unpacked / run_id).mkdir(exist_ok=True)
            with (unpacked / run_id / file_name).open("xb") as target:
                while block := file.read(BLOCK):
                    target.write(block)
            if {child.name for child in (unpacked / run_id).iterdir()} == {*FILES}:
                added.result(store, unpacked / run_id, run_id, f"{path}: {run_id}")
                # Remove it if it was not moved to its place
                shutil.rmtree(unpacked / run_id, ignore_errors=True)
                tell("records", run_ids.index(run_id) + 1, len(run_ids))

        _read(path, keep, silence)
    return added


def verified(path: Path, tell: Tell = silence) -> dict[str, str]:
    """The digests of an archive's files, every one compared with its file; nothing is written.

    Raises: BenchmarkError.
    """

    def pass_over(name: str, file: Hashed) -> None:
        while file.read(BLOCK):
            pass

    return _read(path, pass_over, tell)


def is_archive(path: Path) -> bool:
    """True for a file that begins as a compressed one."""
    return path.is_file() and path.open("rb").read(2) == b"\x1f\x8b"


def _read(path: Path, sink: Sink, tell: Tell) -> dict[str, str]:
    """Hand the files of an archive to ``sink``, which reads them once; return their digests."""
    if not path.is_file():
        raise BenchmarkError(f"{path}: there is no such file")
    try:
        with (
            gzip.open(path) as stream,
            tarfile.open(fileobj=cast(Any, Bounded(stream)), mode="r:") as archive,
        ):
            digests = _digests(path, archive)
            seen: set[str] = set()
            for member in iter(archive.next, None):
                _check(member, digests, seen)
                file = Hashed(archive.extractfile(member))
                sink(member.name, file)
                if file.digest.hexdigest() != digests[member.name]:
                    raise DamagedError(f"{member.name} is not what the manifest says")
                seen.add(member.name)
                tell("files verified", len(seen), len(digests))
            if missing := digests.keys() - seen:
                raise DamagedError(
                    f"{len(missing)} files of its manifest are not in it, first {min(missing)}"
                )
            return digests
    except DAMAGE as error:
        why = printable(" ".join(str(error).split())[:300]) or type(error).__name__
        raise BenchmarkError(
            f"{path}: damaged, or no archive of records ({why}); nothing of it is used"
        ) from error


def _digests(path: Path, archive: tarfile.TarFile) -> dict[str, str]:
    """The files in an archive's manifest, its first member."""
    member = archive.next()
    if member is None or member.name != MANIFEST or not member.isreg() or member.size > LARGEST_MANIFEST:
        raise DamagedError(f"its first file is no {MANIFEST}")
    file = archive.extractfile(member)
    assert file is not None, "a regular file"
    manifest: Any = content_of(b"".join(iter(lambda: file.read(BLOCK), b"")).decode())
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise DamagedError(f"its {MANIFEST} describes something else")
    if manifest.get("format") != FORMAT:
        raise BenchmarkError(
            f"{path}: an archive of format {printable(str(manifest.get('format'))[:20])}, and this code reads format "
            f"{FORMAT}; use the code that made it"
        )
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(NAME.fullmatch(name) for name in files):
        raise DamagedError(f"its {MANIFEST} names other files than those of records")
    runs = {name.split("/")[1] for name in files}
    if len(files) != len(runs) * len(FILES):
        raise DamagedError(f"its {MANIFEST} names runs without a record or without arrays")
    return files


def _check(member: tarfile.TarInfo, digests: Mapping[str, str], seen: set[str]) -> None:
    """Raises: DamagedError unless a member is a regular file of the manifest, not repeated and not too large.

    No name outside ``runs/``, no link and no device passes, so that nothing is left for tarfile's filters to do.
    """
    match = NAME.fullmatch(member.name)
    if match is None or member.name not in digests:
        raise DamagedError(f"{member.name[:100]!r} is not in its manifest")
    if not member.isreg() or member.issparse():
        raise DamagedError(f"{member.name} is not a regular file")
    if member.name in seen:
        raise DamagedError(f"{member.name} is there twice")
    if member.size > FILES[match[2]]:
        raise DamagedError(f"{member.name} has {member.size} bytes, and at most {FILES[match[2]]} are read")
