"""A stand-in of the model hub on this machine, and a small data set published there."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from golfctl.data.fetch import PREFIX, REPOSITORY
from golfctl.data.shards import write_shard

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "fineweb10B_sp340"


class Hub(ThreadingHTTPServer):
    """Serves files by path; `broken` paths send half their bytes once and then hang up."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.broken, self.log, self.authorised = files, set(), [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def log_message(self, *_):
        pass

    def _answer(self, body):
        prefix = f"/datasets/{REPOSITORY}/resolve/main/"
        path = self.path.removeprefix(prefix)
        data = self.server.files.get(path)
        self.server.authorised.append("Authorization" in self.headers)
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first = int(self.headers.get("Range", "bytes=0-").split("=")[1].split("-")[0])
        if body:
            self.server.log.append((path, first))
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{hash(data) & 0xFFFFFFFF:x}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if body and path in self.server.broken:
            self.server.broken.discard(path)
            self.wfile.write(data[first : len(data) // 2])
            self.close_connection = True
        elif body:
            self.wfile.write(data[first:])


def published(folder, tokenizer):
    """Path to bytes of a data set of one validation and three training shards for a tokenizer of 340 pieces."""
    manifest = {
        "datasets": [{"name": NAME, "tokenizer_name": "sp_bpe_340", "stats": {"files_train": 3, "files_val": 1}}],
        "tokenizers": [{"name": "sp_bpe_340", "model_path": "tokenizers/fineweb_340_bpe.model"}],
    }
    files = {
        f"{PREFIX}/manifest.json": json.dumps(manifest).encode(),
        f"{PREFIX}/tokenizers/fineweb_340_bpe.model": tokenizer.proto,
    }
    for i, name in enumerate(["val_000000", "train_000000", "train_000001", "train_000002"]):
        path = folder / f"fineweb_{name}.bin"
        write_shard(path, np.r_[1, np.random.default_rng(i).integers(4, 340, 50_000)])
        files[f"{PREFIX}/datasets/{NAME}/{path.name}"] = path.read_bytes()
    return files


@contextmanager
def serving(files):
    """The hub while the block runs."""
    server = Hub(files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
