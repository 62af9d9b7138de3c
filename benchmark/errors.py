"""One clear line for every refusal: the value, its origin and the valid values."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path

from benchmark.damage import is_full
from benchmark.places import ROOT
from benchmark.printable import looks_like

LONGEST = 1000  # characters of a line
LISTED = "python -m benchmark --help"
LISTS = {
    "method": "python -m benchmark.methods",
    "language": "see the task's file in conf/task/",
} | dict.fromkeys(
    ("table", "paper or table", "paper or table with claims"), "python -m benchmark.reproduce --help"
)
MANY, NEAR = 24, 5  # names: above so many, a refusal lists only the nearest few
OF_A_CHOICE = re.compile(r"(method|probe)\.([^.]+)")  # the key of one of several choices
# Errors of the system for a path that cannot be used.
OF_PATHS = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EROFS)
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class BenchmarkError(Exception):
    """A refusal that a user can act on: one line, without a stack trace."""


def nearest(wrong: object, valid: Iterable[object], listed: str = LISTED) -> str:
    """``"; did you mean 'rte'? (valid: …)"`` for a misspelt name; ``listed`` is the command that lists many."""
    names = sorted({str(name) for name in valid})
    said = hint(str(wrong), names)
    if len(names) <= MANY:
        return f"{said} (valid: {', '.join(names) or 'none'})"
    near = difflib.get_close_matches(str(wrong), names, n=NEAR, cutoff=0) or names[:NEAR]
    return f"{said} (valid: {', '.join(near)} and {len(names) - len(near)} more: {listed})"


def hint(wrong: str, valid: Iterable[str]) -> str:
    """``"; did you mean 'rte'?"``, or nothing; texts that look the same are shown with their code points."""
    names = [name for name in valid if name != wrong]
    if alike := next((name for name in names if looks_like(name, wrong)), None):
        return f"; did you mean {alike!a} in place of {wrong!a}?"
    short = wrong.rpartition(".")[2].lower()
    close = [name for name in names if len(short) > 1 and _initials(name) == short]
    close = close or difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _initials(name: str) -> str:
    """The initials of a name, a common short form: lr of learning_rate."""
    return "".join(part[:1] for part in name.rpartition(".")[2].split("_"))


def unknown(kind: str, wrong: object, valid: Iterable[object], where: str = "") -> BenchmarkError:
    """The error for an unknown name, with the nearest valid one."""
    place = f" in {where}" if where else ""
    listed = LISTS.get(kind, LISTED)
    return BenchmarkError(f"unknown {kind} {str(wrong)!r}{place}{nearest(wrong, valid, listed)}")


def one_line(error: BaseException) -> str | None:
    """A refusal of ours, Hydra's or OmegaConf's in one line that can be read; None for other errors."""
    line = _refusal(error)
    if line is None or len(line) <= LONGEST:
        return line
    return (
        f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"  # the value is in the middle, the cause at an end
    )


def _refusal(error: BaseException) -> str | None:
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    chain = _chain(error)
    for link in chain:
        if isinstance(link, BenchmarkError):
            return str(link)
        if isinstance(link, MissingConfigException) and link.missing_cfg_file:
            group, _, choice = str(link.missing_cfg_file).rpartition("/")
            return str(unknown(group, choice, link.options or _choices(group)))
    if is_full(error):
        place = next((link.filename for link in chain if isinstance(link, OSError) and link.filename), None)
        where = f" of {place}" if place else ""
        return f"no space left on the disk{where}: make room; the same command goes on from here, nothing is lost"
    for link in chain:
        if isinstance(link, OSError) and link.errno in OF_PATHS and link.filename:
            return f"{link.filename}: {link.strerror}"
        if isinstance(link, OSError) and link.errno in IN_THE_WAY and link.filename:
            return in_the_way(str(link.filename))
    hydra_says = next((link for link in chain if isinstance(link, HydraException)), None)
    # The innermost error names the key best. A message with $VALUE is one that OmegaConf has not filled in.
    told = [
        link
        for link in reversed(chain)
        if isinstance(link, OmegaConfBaseException) and "$VALUE" not in str(link)
    ]
    if told:
        link = next((link for link in told if getattr(link, "full_key", None)), told[0])
        line = _omegaconf_line(link)
        named = getattr(link, "full_key", None) or hydra_says is None
        said = str(hydra_says).strip().split("\n")[0]
        return line if named or not said else f"{said}: {line}"
    if isinstance(hydra_says, OverrideParseException):
        return f"{hydra_says.override}: {' '.join(str(hydra_says).split())}"
    return " ".join(str(hydra_says).split()) if hydra_says else None


def in_the_way(place: str) -> str:
    """A line on a file in a folder's place, or the reverse."""
    if os.path.isdir(place):
        return f"{place} is a folder, and a file is wanted there: move it away"
    path = next((path for path in (Path(place), *Path(place).parents) if os.path.lexists(path)), Path(place))
    return f"{path} is {'a link to nothing' if path.is_symlink() else 'a file'}, and a folder is wanted there: move it away"


def _chain(error: BaseException) -> list[BaseException]:
    """``error`` and the errors behind it, outermost first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def _choices(group: str) -> list[str]:
    """The project's own choices of a group; Hydra lists none if several are allowed."""
    folder = ROOT / group if group.startswith("sweeps") else ROOT / "conf" / group
    return [path.stem for path in folder.glob("*.yaml")]


def _omegaconf_line(error: BaseException) -> str:
    """One line from an OmegaConf error, with the full key and any valid keys."""
    message = str(error).split("\n")[0]
    key, parent = getattr(error, "full_key", None), getattr(error, "parent_node", None)
    if key and isinstance(parent, Iterable) and "not in" in message:
        if (named := OF_A_CHOICE.fullmatch(key)) and named[2] not in parent:
            has = f"{named[1]}=[{','.join(map(str, parent))}]"
            return f"{key}: the run has {has}; {named[1]}=[{named[2]}] chooses it{hint(named[2], map(str, parent))}"
        if not list(parent):
            return f"no key {key!r} yet: write +{key}=… to add it"
        return f"unknown key {key!r}{nearest(getattr(error, 'key', key), parent)}"
    if "is not a ListConfig" in message:
        message = f"expected a list such as [1,2], not {getattr(error, 'value', '?')!r}"
    return f"{key}: {message}" if key and str(key) not in message else message
