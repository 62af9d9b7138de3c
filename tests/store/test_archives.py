"""Archives of records: the same bytes for the same records, and nothing of a bad one."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.store import archive, unpacking
from benchmark.store.__main__ import main
from helpers.records import ARRAYS, ID, RECORD
from helpers.stores import called, record, store

OTHER = "f" * 16
NARROWED = ("demo/noisytune", "task=opinion", "seed=1,2")


def packed(folder: Path, *records) -> Path:
    made = store(folder / "from", *(records or (record(), record(OTHER))))
    folders = {path.name: path for path in made.folder.iterdir() if path.is_dir()}
    archive.write(folder / "records.tar.gz", folders, ["demo/noisytune"])
    return folder / "records.tar.gz"


def test_an_archive_gives_the_records_back_byte_for_byte(tmp_path: Path) -> None:
    path = packed(tmp_path)
    added = unpacking.add(Store(tmp_path / "to"), path)
    assert (added.new, added.known, added.left_out) == (2, 0, [])
    for run_id in (ID, OTHER):
        for name in ("record.json", "arrays.npz"):
            place = Path(run_id, name)
            assert (tmp_path / "to" / place).read_bytes() == (tmp_path / "from" / place).read_bytes()
    assert Store(tmp_path / "to").find(ID) == RECORD
    assert unpacking.add(Store(tmp_path / "to"), path).known == 2


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    made = store(tmp_path / "from", record(), record(OTHER)).folder
    for name, run_ids in (("a", (ID, OTHER)), ("b", (OTHER, ID))):
        archive.write(tmp_path / name, {run_id: made / run_id for run_id in run_ids}, [])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_archive_names_nobody_and_no_time(tmp_path: Path) -> None:
    with tarfile.open(packed(tmp_path)) as read:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in read} == {(0, 0, 0, "", "", 0o644)}
    assert packed(tmp_path / "deep").read_bytes()[4:8] == bytes(4)  # gzip's own time


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = packed(tmp_path)
    before = path.read_bytes()
    with pytest.raises(BenchmarkError, match="is there already"):
        archive.write(path, {}, [])
    assert path.read_bytes() == before


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None], *more: tarfile.TarInfo) -> None:
    """Change the files of an archive, in its manifest as well, and add further members."""
    with tarfile.open(path) as read:
        files = {member.name: read.extractfile(member).read() for member in read}
    change(files)
    manifest = json.loads(files.pop("manifest.json"))
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with tarfile.open(path, "w:gz") as written:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
        for member in more:
            written.addfile(member, io.BytesIO(bytes(member.size)))


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


RECORD_FILE = f"runs/{ID}/record.json"
MEMBERS = {
    "a path upwards": (member("../escaped"), "is not in its manifest"),
    "an absolute path": (member("/tmp/escaped"), "is not in its manifest"),
    "a path upwards in a run": (member(f"runs/{ID}/../../escaped"), "is not in its manifest"),
    "a link": (member(RECORD_FILE, tarfile.SYMTYPE, link="/etc/passwd"), "is not a regular file"),
    "a hard link": (member(RECORD_FILE, tarfile.LNKTYPE, link="manifest.json"), "is not a regular file"),
    "a device": (member(RECORD_FILE, tarfile.CHRTYPE), "is not a regular file"),
    "a file twice": (member(RECORD_FILE, size=3), "is there twice"),
}


@pytest.mark.parametrize("kind", MEMBERS)
def test_nothing_leaves_the_archive_but_files_of_its_manifest(tmp_path: Path, kind: str) -> None:
    added, says = MEMBERS[kind]
    path = packed(tmp_path)
    rewritten(path, lambda files: None, added)
    with pytest.raises(BenchmarkError, match=says):
        unpacking.add(Store(tmp_path / "to"), path)
    assert {child.name for child in tmp_path.iterdir()} == {"from", "records.tar.gz"}


def flipped(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: gzip.compress(flipped(gzip.decompress(content)[: 512 * 5]) + bytes(1024)),
    "empty": lambda content: b"",
    "no archive": lambda content: b"\x1f\x8bsomething else",
    "compressed text": lambda content: gzip.compress(b"my notes" * 400),
    "without the last file": lambda content: gzip.compress(gzip.decompress(content)[: 512 * 6] + bytes(1024)),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_archive_adds_nothing(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path)
    path.write_bytes(DAMAGES[kind](path.read_bytes()))
    status, out, err = called(main, capsys, "import", tmp_path / "to", path)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {path}: damaged, or no archive of records (")
    assert err.count("\n") == 1
    assert not (tmp_path / "to").exists()


def test_what_is_not_what_the_manifest_says_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path)
    stream = gzip.decompress(path.read_bytes())
    assert stream.count(b"a processor") == 2
    path.write_bytes(gzip.compress(stream.replace(b"a processor", b"A processor", 1)))
    with pytest.raises(BenchmarkError, match="is not what the manifest says"):
        unpacking.verified(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path)
    monkeypatch.setitem(unpacking.FILES, "arrays.npz", 100)
    with pytest.raises(BenchmarkError, match="bytes, and at most 100 are read"):
        unpacking.verified(path)
    monkeypatch.undo()
    monkeypatch.setattr(unpacking, "LARGEST", 2000)
    with pytest.raises(BenchmarkError, match="more than is read"):
        unpacking.verified(path)
    monkeypatch.undo()
    header = member("././@PaxHeader", tarfile.XHDTYPE, size=unpacking.BLOCK + 512)
    path.write_bytes(gzip.compress(header.tobuf() + bytes(unpacking.BLOCK + 1024)))
    with pytest.raises(BenchmarkError, match="more than is read"):
        unpacking.verified(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path)

    def newer(files: dict[str, bytes]) -> None:
        files["manifest.json"] = files["manifest.json"].replace(b'"format": 1', b'"format": 2')

    rewritten(path, newer)
    with pytest.raises(BenchmarkError, match="an archive of format 2, and this code reads format 1"):
        unpacking.verified(path)


def test_a_damaged_record_in_a_whole_archive_is_left_out(tmp_path: Path) -> None:
    path = packed(tmp_path)

    def change(files: dict[str, bytes]) -> None:
        files[RECORD_FILE] = files[RECORD_FILE].replace(b"a processor", b"A processor")

    rewritten(path, change)
    added = unpacking.add(Store(tmp_path / "to"), path)
    assert added.new == 1
    [line] = added.left_out
    assert f"{path}: {ID}: left out (" in line
    assert [child.name for child in (tmp_path / "to").iterdir() if child.is_dir()] == [OTHER]


@pytest.fixture
def of_table(tmp_path: Path, record_of, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with three of the four runs of a narrowed table."""
    monkeypatch.chdir(tmp_path)
    planned = grid.load(NARROWED[0], [*NARROWED[1:], f"store={tmp_path / 'store'}"])
    for run in planned.runs[:3]:
        made = record_of(run.config, {"validation": {"accuracy": 2 / 3}})
        made.examples["validation"] = 3
        store(tmp_path / "store").add(made, {"losses": ARRAYS["losses"]})
    return tmp_path / "store"


def test_a_table_is_exported_and_says_how_much_of_it(of_table, tmp_path, capsys) -> None:
    words = (*NARROWED, f"store={of_table}")
    for name in ("a", "b"):
        status, out, err = called(main, capsys, "export", *words, "--output", tmp_path / f"{name}.tar.gz")
        assert status == 0, err
        assert out.startswith(f"{tmp_path / name}.tar.gz: 3 of 4 runs, 0.0")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    status, out, _ = called(main, capsys, "import", tmp_path / "to", tmp_path / "a.tar.gz")
    assert status == 0
    assert out.startswith(f"3 records new in {tmp_path / 'to'}, 0 there already")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nosuch/table", "--output", "a.tar.gz"), "unknown table 'nosuch/table'"),
        (("demo/noisytune", "store=nowhere", "--output", "a.tar.gz"), "no record of its 30 runs"),
        (("demo/noisytune", "seed=nosuch", "--output", "a.tar.gz"), "seed"),
        (("seed=1", "--output", "a.tar.gz"), "name a table"),
        (("demo/noisytune",), "name --output FILE.tar.gz"),
        ((*NARROWED, "store=store", "--output", "no/folder/a.tar.gz"), "cannot be written (No such file"),
    ],
)
def test_a_wrong_export_is_refused_in_one_line(of_table, words, says, capsys, tmp_path) -> None:
    status, out, err = called(main, capsys, "export", *words)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "a.tar.gz").exists()
