"""The token of a store, which distinguishes the store from another folder in its place.

    STORE/store.json        the store's id, and the seconds after which a lease that is not renewed is over

If a disk is not mounted, or on another machine, the folder of that name does not have the token that was seen
before. Then nothing is written there.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError

FILE = "store.json"
FORMAT = 1  # format of a store's folders and files
LEASE = 30.0  # seconds; kept in the store, since all processes that share it must agree


class StoreGoneError(BenchmarkError):
    """A store is gone from its place; it may come back."""


@dataclass(frozen=True)
class Token:
    """The ``id`` of a store; a ``lease`` there lasts so many seconds without a heartbeat."""

    id: str
    lease: float = LEASE
    format: int = FORMAT


_seen: dict[Path, Token] = {}  # by the store's folder: this process writes only to stores with these tokens


def opened(folder: Path) -> Token:
    """The token of a store that can be written to; a new store gets one.

    Raises: StoreGoneError if the folder does not have the token that it had before, BenchmarkError for a
    token that cannot be read, OSError.
    """
    place = folder.absolute()
    token = read(folder)
    if place in _seen:
        if token != _seen[place]:
            raise StoreGoneError(
                f"store={folder}: gone; in its place is {'another store' if token else 'no store'}"
            )
        return _seen[place]
    _seen[place] = token or _made(folder)
    return _seen[place]


def expect(folder: Path, token: Token) -> None:
    """Accept only the store of ``token`` at ``folder`` in this process."""
    _seen[folder.absolute()] = token


def known(folder: Path) -> bool:
    """True if this process has seen the store: then it makes no new one."""
    return folder.absolute() in _seen


def is_there(folder: Path) -> bool:
    """True if the store is where this process saw it."""
    try:
        opened(folder)
    except (BenchmarkError, OSError):
        return False
    return True


def read(folder: Path) -> Token | None:
    """The token in a store's file; None if there is none.

    Raises: BenchmarkError for one that is damaged, or of another format.
    """
    try:
        text = (folder / FILE).read_text()
    except FileNotFoundError:
        return None
    try:
        stated = json.loads(text)
        made_for = stated["format"]
        if made_for == FORMAT:
            token = Token(**stated)
            if isinstance(token.id, str) and float(token.lease) > 0:
                return token
            raise ValueError(f"of format {FORMAT}, without an id or the seconds of a lease")
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"{folder / FILE}: damaged, or not of this project ({error})") from error
    raise BenchmarkError(
        f"{folder / FILE}: a store of format {made_for}, and this code writes format {FORMAT}; "
        "choose another store, or the code that made it"
    )


def _made(folder: Path) -> Token:
    """Give a store its token, unless another process is first."""
    descriptor, name = tempfile.mkstemp(prefix=".writing-", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(Token(secrets.token_hex(8))), file, indent=1)
        os.chmod(name, 0o644)
        try:
            os.link(name, folder / FILE)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not (folder / FILE).exists():
                os.rename(name, folder / FILE)
    finally:
        Path(name).unlink(missing_ok=True)
    token = read(folder)
    assert token is not None, "it was just made"
    return token
