"""What this interpreter and its libraries make of the golden artifacts, as one JSON object on stdout.

`python probe.py` needs the standard library alone; `python probe.py zstd` needs zstandard and numpy too.
"""

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]


def container():
    """Manifests read, written again under every manifest coder, and core tensors decoded by the plain reader."""
    from golfctl.artifact import read_artifact
    from golfctl.artifact.constants import MANIFEST_CODERS
    from golfctl.artifact.manifest.stored import compress_manifest
    from golfctl.core.canonical import canonical_json
    from tests.oracles import golf_reader

    result = {}
    for path in sorted((ROOT / "tests" / "golden" / "v1").glob("core-*.golf")):
        text = canonical_json(read_artifact(path.read_bytes()).manifest.to_json())
        tensors = golf_reader.read(path.read_bytes())
        result[path.stem] = {
            "text": digest(text),
            "stored": {MANIFEST_CODERS[n][0]: digest(compress_manifest(text, n)) for n in (0, 2)},
            "tensors": {name: digest(raw) for name, (_, raw) in tensors.items()},
        }
    return result


def zstd():
    """The zstd golden artifact decoded, and codes coded and decoded again, with this zstandard."""
    import numpy as np
    import zstandard

    from golfctl.coding import decode, encode
    from tests.golden.make import bell, tensor_digests

    codes = bell(3, (64, 48), 40).astype(np.int8)
    payloads = [encode("zstd/1", codes, level=level) for level in (1, 9, 22)]
    assert all(np.array_equal(decode("zstd/1", payload, "int8", codes.shape), codes) for payload in payloads)
    golden = ROOT / "tests" / "golden" / "v1" / "zstd.golf"
    return {
        "version": zstandard.__version__,
        "tensors": tensor_digests(golden.read_bytes()),
        "payloads": [payload.hex() for payload in payloads],
    }


def digest(data):
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    print(json.dumps(zstd() if sys.argv[1:] == ["zstd"] else container()))
