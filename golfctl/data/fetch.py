"""Fetch published token shards and their tokenizer through huggingface_hub; a broken download goes on where it ended.

Layout of the contest's repository: `PREFIX/manifest.json` names data sets (shard counts, tokenizer) and tokenizers
(path); shards lie in `PREFIX/datasets/NAME/`.
"""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from golfctl.core.files import storage_errors
from golfctl.core.machine.libraries import need
from golfctl.core.progress import SILENT, Progress
from golfctl.data import dataset_json as manifests
from golfctl.data.dataset import TOKENIZER_FILE, Dataset
from golfctl.data.shards import shard_name, token_count
from golfctl.errors import DataError, InputError, UsageError

REPOSITORY = "willdepueoai/parameter-golf"
PREFIX = "datasets"
_DOWNLOADS = ".download"

Download = Callable[[str], Path]


class Remote(NamedTuple):
    """Where the shards are published; `endpoint` None is the public hub."""

    repository: str = REPOSITORY
    prefix: str = PREFIX
    endpoint: str | None = None


def fetch_shards(
    out: Path, variant: str, train_shards: int, remote: Remote | None = None, progress: Progress = SILENT
) -> Dataset:
    """Fetch all validation shards, `train_shards` training shards and the tokenizer of a variant such as sp1024.

    Files already there and whole are kept. A user's hub token is sent to the public hub only.

    Raises:
        DependencyError: huggingface_hub is not installed. UsageError: more shards than published, unknown variant.
        DataError: the hub cannot be reached, lacks a file, or sends a bad shard.
    """
    remote = remote or Remote()
    out = Path(out)
    if (out / manifests.FILE).exists():
        raise DataError(f"{out} holds a data set of our own making ({manifests.FILE}); choose another folder")
    download = _downloader(out / _DOWNLOADS, remote)
    plan = _plan(download, variant, train_shards, remote)
    with progress.task(f"fetching {variant}", len(plan), "files") as task:
        for name, path in plan.items():
            _place(out / name, path, download)
            task.advance()
    shutil.rmtree(out / _DOWNLOADS, ignore_errors=True)
    return Dataset.open(out)


def _plan(download: Download, variant: str, train_shards: int, remote: Remote) -> dict[str, str]:
    """Local file name to path in the repository."""
    where = f"{remote.repository}/{remote.prefix}/manifest.json"
    try:
        published = json.loads(download(f"{remote.prefix}/manifest.json").read_bytes())
        entries = {str(entry["name"]): entry for entry in published["datasets"]}
        entry = _named(entries, variant)
        counts = {split: int(entry["stats"][f"files_{split}"]) for split in ("train", "val")}
        tokenizers = {item["name"]: str(item["model_path"]) for item in published["tokenizers"] if "model_path" in item}
        tokenizer = tokenizers[entry["tokenizer_name"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{where}: not the description of published shards that was expected: {error!r}") from error
    if train_shards > counts["train"]:
        raise UsageError(f"{variant} has {counts['train']} training shards, not {train_shards}")
    names = [shard_name("val", i) for i in range(counts["val"])] + [shard_name("train", i) for i in range(train_shards)]
    folder = f"{remote.prefix}/datasets/{entry['name']}"
    return {name: f"{folder}/{name}" for name in names} | {TOKENIZER_FILE: f"{remote.prefix}/{tokenizer}"}


def _named(entries: dict[str, Any], variant: str) -> Any:
    found = [entry for name, entry in entries.items() if name == variant or name.endswith(f"_{variant}")]
    if len(found) != 1:
        raise UsageError(f"no published data set called {variant!r}; there are: {', '.join(sorted(entries))}")
    return found[0]


def _place(target: Path, path: str, download: Download) -> None:
    """Download one file unless a whole one is there; a shard is checked before it gets its name."""
    is_shard = target.suffix == ".bin"
    if target.exists() and (not is_shard or _whole(target)):
        return
    found = download(path)
    if is_shard and not _whole(found):
        found.unlink()
        raise DataError(f"{path}: the hub sent a damaged shard; it was removed, fetch again")
    with storage_errors(target):
        found.replace(target)


def _whole(path: Path) -> bool:
    try:
        token_count(path)
    except InputError:
        return False
    return True


def _downloader(folder: Path, remote: Remote) -> Download:
    need("fetching", "huggingface_hub")
    import huggingface_hub
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()

    def download(path: str) -> Path:
        where = f"{remote.endpoint or 'the hub'}: {remote.repository}/{path}"
        try:
            found = huggingface_hub.hf_hub_download(
                remote.repository, path, repo_type="dataset", local_dir=folder, endpoint=remote.endpoint,
                token=False if remote.endpoint else None,
            )  # fmt: skip
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                with storage_errors(folder):
                    raise
            text = " ".join(str(error).split())[:300]
            raise DataError(f"{where}: {type(error).__name__}: {text}; fetching again goes on from here") from error
        return Path(found)

    return download
