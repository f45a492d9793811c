"""The texts: held-out documents with their training text, and files that no model here was trained on."""

from pathlib import Path
from typing import NamedTuple

from golfctl.core.progress import Progress
from golfctl.data.dataset import Dataset
from golfctl.data.text.embedded import embedded_dataset
from golfctl.data.text.sources import read_documents

CLASSICS = ("alice29", "asyoulik", "lcet10", "plrabn12")


class Text(NamedTuple):
    """Documents that are compressed as one file, and the text that a primed compressor knows."""

    name: str
    what: str
    documents: list[bytes]
    primer: bytes

    @property
    def data(self) -> bytes:
        """All documents, one after another."""
        return b"".join(self.documents)


def embedded(progress: Progress) -> Text:
    """Held-out documents of the corpus that comes with Python."""
    dataset = Dataset.open(embedded_dataset(progress))
    documents = dataset.validation().decoded_texts()
    return Text("embedded", f"{len(documents)} held-out documents of the embedded corpus", documents,
                dataset.training_text(None))  # fmt: skip


def of_folder(name: str, folder: Path) -> Text:
    """Documents of `val.jsonl.xz`, and as primer those of `train.jsonl.xz`."""
    held, train = ([document.data for document in read_documents([folder / f"{part}.jsonl.xz"])]
                   for part in ("val", "train"))  # fmt: skip
    return Text(name, f"{len(held)} held-out documents of {name}", held, b"".join(train))


def classics(folder: Path) -> list[Text]:
    """Files of the Canterbury corpus, as brotli's source distribution has them."""
    found = []
    for name in CLASSICS:
        paths = sorted(folder.rglob(f"{name}.txt"))
        if not paths:
            raise SystemExit(f"{folder}: no {name}.txt in it; unpack brotli's source distribution and name its folder")
        found.append(Text(name, f"{name}.txt of the Canterbury corpus", [paths[0].read_bytes()], b""))
    return found
