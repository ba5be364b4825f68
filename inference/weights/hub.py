"""Fetching weights from the hub: what it records about a file, then the bytes, resumable, held to the recorded hash.

Everything goes through huggingface_hub's own client (its endpoint, proxies, token and offline switch apply). The body
is read here instead of by `hf_hub_download`, which cannot be cancelled in the middle of a chunk of 10 MB and starts
over after a cut. No torch; huggingface_hub is imported late, for the window's start.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from inference.catalogue import ModelSpec
from inference.errors import Cancelled, DownloadError
from inference.open_clip_names import WEIGHTS
from inference.weights import checks, manifest
from inference.weights.quiet import silent
from inference.weights.silence import interruptible

Progress = Callable[[int, int, str], None]
_CHUNK = 1 << 18
_TIMEOUT_S = 10.0
# The retries are ours: they go on from where the file ends.
_NO_RETRIES: dict[str, Any] = {"max_retries": 0, "retry_on_exceptions": (), "retry_on_status_codes": ()}
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_KEPT = "What has arrived is kept: the next try goes on from there."


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub records it.

    Attributes:
        repo, filename, commit: where it is; the commit in hex.
        size: in bytes.
        sha256: of its LFS object; "" for the small files that git keeps itself.
        blob: for those, git's own SHA-1 of the file ("blob SIZE", a zero byte and the bytes).
    """

    repo: str
    filename: str
    commit: str
    size: int
    sha256: str
    blob: str = ""

    @property
    def recorded(self) -> str:
        """The hash the file is held to."""
        return self.sha256 or self.blob

    def digest(self) -> Any:
        """An empty digest of the recorded kind."""
        return hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a transfer that brings nothing new is tried again, and the first wait in seconds (doubling)."""

    attempts: int = 5
    wait_s: float = 1.0


def download(
    spec: ModelSpec,
    models_dir: Path,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    endpoint: str | None = None,
    patience: Patience = Patience(),
) -> Path:
    """Installs a catalogue model and returns its file.

    Args:
        spec: what to fetch; its pinned hash, if any, has to be the hub's.
        models_dir: where models live.
        progress: told (bytes done, bytes in all, message); may raise `Cancelled`.
        cancelled: asked between chunks.
        endpoint: the hub's address; HF_ENDPOINT or the official one when None.
        patience: retries.

    Raises:
        DownloadError: nothing to fetch, no connection, refused, not what the hub records, disk full, already running.
        Cancelled: asked to stop. What has arrived is kept and used by the next try.
        StorageError: the models folder cannot be written.
    """
    if not spec.downloadable:
        raise DownloadError(f"{spec.title} is not a model to download.", None, "See `main.py models list`.")
    with _alone(models_dir, spec):
        progress(0, spec.size_bytes, "Asking the hub")
        remotes = look_up_all(spec, endpoint)
        parts = [models_dir / manifest.INCOMING / f"{spec.id}.{remote.recorded[:16]}.part" for remote in remotes]
        total = sum(remote.size for remote in remotes)
        _check_space(models_dir, total - sum(map(_size, parts)))
        before = 0
        for remote, part in zip(remotes, parts, strict=True):
            _fetch_whole(remote, part, _from(before, total, progress), cancelled, endpoint or _endpoint(), patience)
            before += remote.size
        progress(total, total, "Installing")
        return _install(spec, remotes, parts, models_dir)


def look_up(spec: ModelSpec, endpoint: str | None = None) -> Remote:
    """As `look_up_all`, for the weights alone."""
    return look_up_all(spec, endpoint)[0]


def look_up_all(spec: ModelSpec, endpoint: str | None = None) -> list[Remote]:
    """Asks the hub for the current commit and for the size and hash it records for each file, the weights first.

    Raises DownloadError when it cannot, when the weights are not an LFS object (no SHA-256), or when the catalogue
    pins another hash.
    """
    from huggingface_hub import HfApi

    with _explained(spec):
        info = HfApi(endpoint=endpoint or _endpoint()).model_info(spec.repo, files_metadata=True, timeout=20)
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    names = (spec.filename, *(WEIGHTS if spec.family == "clip" else ()))
    entry = next((siblings[name] for name in names if name in siblings), None)
    if entry is None:
        raise DownloadError(
            f"The repository {spec.repo} has no file {spec.filename}.",
            None,
            "Update Winnow, or download the weights by hand and run `main.py models import FILE`.",
        )
    if entry.lfs is None or info.sha is None:
        raise DownloadError(
            f"The hub records no SHA-256 for {spec.filename}, so it cannot be checked.",
            None,
            "Download it by hand and run `main.py models import FILE`.",
        )
    remote = _remote(spec, entry, info.sha)
    if spec.sha256 is not None and spec.sha256 != remote.sha256:
        raise DownloadError(
            f"The hub now offers another {spec.filename} (SHA-256 {remote.sha256[:12]}…) than the one Winnow knows "
            f"({spec.sha256[:12]}…).",
            None,
            "Update Winnow, or download the file by hand and run `main.py models import FILE` if you trust it.",
        )
    missing = [name for name in spec.extra if name not in siblings]
    if missing:
        raise DownloadError(
            f"The repository {spec.repo} has no file {missing[0]}.", None, "Update Winnow, or choose another model."
        )
    return [remote, *(_remote(spec, siblings[name], info.sha) for name in spec.extra)]


def _remote(spec: ModelSpec, entry: Any, commit: str) -> Remote:
    """A file with the hash the hub records for it. DownloadError when that is none."""
    lfs, blob = entry.lfs, str(entry.blob_id or "").lower()
    sha256 = "" if lfs is None else str(lfs.sha256).lower()
    size = entry.size if lfs is None else lfs.size
    kind = (sha256, "[0-9a-f]{64}") if lfs is not None else (blob, "[0-9a-f]{40}")
    if size is None or not re.fullmatch(kind[1], kind[0]):  # it becomes part of a file's name
        raise DownloadError(
            f"The hub's record of {entry.rfilename} is damaged.", None, "Check HF_ENDPOINT, or try later."
        )
    return Remote(spec.repo, entry.rfilename, commit, int(size), sha256, "" if sha256 else blob)


def _from(before: int, total: int, progress: Progress) -> Progress:
    """The progress of one file as that of all."""
    return lambda done, _size, message: progress(before + done, total, message)


def _fetch_whole(
    remote: Remote,
    part: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
    endpoint: str | None,
    patience: Patience,
) -> None:
    """Brings `part` to its full size and holds it to the recorded hash. Raises as `download`."""
    digest = _fetch(remote, part, progress, cancelled, endpoint, patience)
    if digest != remote.recorded:
        part.unlink(missing_ok=True)
        kind = "SHA-256" if remote.sha256 else "git SHA-1"
        raise DownloadError(
            f"What arrived for {remote.filename} is not what the hub records ({kind} {digest[:12]}… instead of "
            f"{remote.recorded[:12]}…); it was thrown away.",
            None,
            "Try again; if it happens again, a proxy or mirror on the way changes the file.",
        )


def _fetch(
    remote: Remote,
    part: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
    endpoint: str | None,
    patience: Patience,
) -> str:
    """Brings `part` to its full size, going on after cuts, and returns its hash."""
    tries_left = patience.attempts
    while True:
        before = _size(part)
        try:
            return _transfer(remote, part, progress, cancelled, endpoint)
        except _CutError as cut:
            if _size(part) > before:
                tries_left = patience.attempts
            tries_left -= 1
            if tries_left <= 0:
                raise DownloadError(
                    f"The download of {remote.filename} broke off ({cut}) at {_size(part):,} of {remote.size:,} bytes.",
                    None,
                    f"Check the connection and try again. {_KEPT}",
                ) from cut
            _pause(patience.wait_s * 2 ** (patience.attempts - tries_left - 1), cancelled)


class _CutError(Exception):
    """The connection ended before the file did: worth another try."""


def _transfer(
    remote: Remote, part: Path, progress: Progress, cancelled: Callable[[], bool], endpoint: str | None
) -> str:
    """One request: from where `part` ends to the end of the file. Returns the hash of the whole; raises `_CutError`."""
    import httpx2
    from huggingface_hub import hf_hub_url, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers, http_stream_backoff

    with _writing(part) as file:
        digest = _hash_so_far(file, remote, progress, cancelled)
        done = file.tell()
        if done == remote.size:
            return digest.hexdigest()
        url = hf_hub_url(remote.repo, remote.filename, revision=remote.commit, endpoint=endpoint)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity", "Range": f"bytes={done}-"}
        once: dict[str, Any] = {"headers": headers, "timeout": _TIMEOUT_S, "follow_redirects": True, **_NO_RETRIES}
        message = "Downloading" if done == 0 else "Resuming"
        progress(done, remote.size, message)
        try:
            with _explained(remote), http_stream_backoff("GET", url, **once) as response:
                if response.status_code >= 500 or response.status_code in (408, 429):
                    raise _CutError(f"HTTP {response.status_code}")
                hf_raise_for_status(response)
                if response.status_code != 206 and done:  # the server starts over, so we do
                    file.seek(0)
                    file.truncate()
                    digest, done = remote.digest(), 0
                with interruptible(response, lambda: _ask(cancelled, progress, done, remote.size, message)) as ask:
                    for chunk in response.iter_bytes(_CHUNK):
                        if done + len(chunk) > remote.size:
                            raise DownloadError(
                                f"The server sent more than the {remote.size:,} bytes of {remote.filename}."
                            )
                        file.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        ask()
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise _CutError(str(error) or type(error).__name__) from error
        if done < remote.size:
            raise _CutError("the connection ended early")
        return digest.hexdigest()


def _ask(cancelled: Callable[[], bool], progress: Progress, done: int, total: int, message: str) -> None:
    """Tells how far it is; raises `Cancelled` when that is wished."""
    if cancelled():
        raise Cancelled
    progress(done, total, message)


def _hash_so_far(file: Any, remote: Remote, progress: Progress, cancelled: Callable[[], bool]) -> Any:
    """The digest of what an earlier try left, with the file placed at its end; a part that is too long starts over."""
    digest = remote.digest()
    if os.fstat(file.fileno()).st_size > remote.size:
        file.truncate(0)
    file.seek(0)
    while chunk := file.read(1 << 20):
        if cancelled():
            raise Cancelled
        digest.update(chunk)
        progress(file.tell(), remote.size, "Checking what is there")
    return digest


def _install(spec: ModelSpec, remotes: list[Remote], parts: list[Path], models_dir: Path) -> Path:
    extra = {
        remote.filename: {"sha256": remote.sha256 or checks.sha256_of(part), "size": remote.size}
        for remote, part in zip(remotes[1:], parts[1:], strict=True)
    }
    with manifest.installing(models_dir, spec.id) as folder:
        try:
            for remote, part in zip(remotes, parts, strict=True):
                part.rename(folder / remote.filename)
            manifest.write(folder, _manifest_of(spec, remotes[0], extra))
        except OSError as error:
            raise manifest.unwritable(models_dir, error) from error
    return models_dir / spec.id / remotes[0].filename


def _manifest_of(spec: ModelSpec, remote: Remote, extra: dict[str, Any]) -> manifest.Manifest:
    return manifest.Manifest(
        id=spec.id,
        filename=remote.filename,
        size=remote.size,
        sha256=remote.sha256,
        source="hub",
        title=spec.title,
        family=spec.family,
        licence=spec.licence,
        repo=remote.repo,
        commit=remote.commit,
        architecture=spec.open_clip,
        installed=manifest.now(),
        extra=extra,
    )


def _check_space(models_dir: Path, needed: int) -> None:
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        raise DownloadError(
            f"The disk is too full: {needed / 1e6:,.0f} MB are still to come and {free / 1e6:,.0f} MB are free.",
            models_dir,
            "Free some space, or choose another folder with --models-dir or WINNOW_MODELS_DIR.",
        )


@contextmanager
def _alone(models_dir: Path, spec: ModelSpec) -> Iterator[None]:
    """Keeps two programs from filling the same part file. Makes the folder when it is not there yet."""
    incoming = models_dir / manifest.INCOMING
    lock = filelock.FileLock(incoming / f"{spec.id}.lock")
    try:
        incoming.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise DownloadError(f"{spec.title} is being downloaded already.", None, "Wait for that to end.") from error
    except OSError as error:
        raise manifest.unwritable(models_dir, error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(part: Path) -> Iterator[Any]:
    """The part file for reading and writing; a disk that fills up empties it again and says so."""
    try:
        with part.open("r+b" if part.exists() else "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in _FULL:
            part.unlink(missing_ok=True)
            raise DownloadError(
                "The disk is full; what had arrived was removed again to give the space back.",
                part.parent.parent,
                "Free some space, or choose another folder with --models-dir or WINNOW_MODELS_DIR.",
            ) from error
        if error.filename is not None and Path(str(error.filename)) == part:
            raise manifest.unwritable(part.parent, error) from error
        raise


@contextmanager
def _explained(what: ModelSpec | Remote) -> Iterator[None]:
    """Turns failures of the hub and the network into what a person can act on. Cuts in transfer pass through."""
    import httpx2
    from huggingface_hub import errors

    by_hand = "Download the weights by hand and run `main.py models import FILE`."
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise DownloadError(
            "Downloads are switched off (HF_HUB_OFFLINE is set).", None, f"Unset it, or: {by_hand}"
        ) from error
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{what.repo} wants its terms accepted first.", None, "Accept them on its page and set HF_TOKEN."
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
        raise DownloadError(
            f"The hub has no {what.filename} in {what.repo} (not found).", None, f"Update Winnow, or: {by_hand}"
        ) from error
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "?")
        raise DownloadError(f"The hub refused {what.filename} (HTTP {status}).", None, f"Try later. {_KEPT}") from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        if isinstance(what, Remote):
            raise
        raise DownloadError(
            f"The hub cannot be reached ({error}).", None, f"Check the network and the proxy, or: {by_hand}"
        ) from error
    except httpx2.TransportError as error:
        if isinstance(what, Remote):
            raise
        raise DownloadError(f"The hub did not answer ({error}).", None, "Try again.") from error


def _endpoint() -> str | None:
    """HF_ENDPOINT as it is now: huggingface_hub itself reads it only once."""
    return os.environ.get("HF_ENDPOINT") or None


def _pause(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if cancelled():
            raise Cancelled
        time.sleep(min(left, 0.1))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
