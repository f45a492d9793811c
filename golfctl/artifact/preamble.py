"""The 64 bytes at the start: written last, read and judged first."""

import hashlib
from typing import NamedTuple

from golfctl.artifact.constants import (
    CONTAINER_VERSION,
    MAGIC,
    MANIFEST_CODERS,
    PREAMBLE,
    PREAMBLE_BYTES,
    SEALED_BYTES,
    Limits,
)
from golfctl.artifact.format_rules import fail


class Preamble(NamedTuple):
    """Fields of the preamble that carry information; lengths in bytes."""

    container_version: int
    manifest_coder: int
    manifest_bytes: int
    manifest_raw_bytes: int
    file_bytes: int
    seal: bytes


def build_preamble(coder: int, stored_manifest: bytes, raw_bytes: int, section_bytes: int) -> bytes:
    """The preamble of a file with this manifest and `section_bytes` bytes of sections."""
    file_bytes = PREAMBLE_BYTES + len(stored_manifest) + section_bytes
    unsealed = PREAMBLE.pack(
        MAGIC, CONTAINER_VERSION, coder, len(stored_manifest), raw_bytes, 0, file_bytes, bytes(32)
    )[:SEALED_BYTES]
    return unsealed + seal_of(unsealed, stored_manifest)


def seal_of(unsealed: bytes, stored_manifest: bytes | memoryview) -> bytes:
    """SHA-256 of the preamble before its seal, then the stored manifest."""
    digest = hashlib.sha256(unsealed)
    digest.update(stored_manifest)
    return digest.digest()


def parse_preamble(head: bytes, limits: Limits) -> Preamble:
    """The preamble of a file that starts with `head`; its seal is checked later, once the manifest was read.

    Raises:
        RuleError: the first broken rule, in the order of the spec.
    """
    if head[: len(MAGIC)] != MAGIC[: len(head)]:
        fail("magic", "preamble", 0, MAGIC, head[: len(MAGIC)])
    if len(head) < PREAMBLE_BYTES:
        fail("preamble-length", "preamble", 0, f"{PREAMBLE_BYTES} bytes", f"{len(head)} bytes")
    _, version, coder, stored, raw, reserved, file_bytes, seal = PREAMBLE.unpack(head[:PREAMBLE_BYTES])
    if version != CONTAINER_VERSION:
        fail("container-version", "preamble", 8, CONTAINER_VERSION, version)
    if coder not in MANIFEST_CODERS:
        fail("manifest-coder", "preamble", 10, f"one of {sorted(MANIFEST_CODERS)}", coder)
    if reserved != 0:
        fail("reserved", "preamble", 20, 0, reserved)
    _check_sizes(stored, raw, file_bytes, limits)
    return Preamble(version, coder, stored, raw, file_bytes, seal)


def _check_sizes(stored: int, raw: int, file_bytes: int, limits: Limits) -> None:
    if not 1 <= stored <= limits.manifest_bytes:
        fail("manifest-size", "preamble", 12, f"1 to {limits.manifest_bytes:,} bytes", stored)
    if not 1 <= raw <= limits.manifest_raw_bytes:
        fail("manifest-size", "preamble", 16, f"1 to {limits.manifest_raw_bytes:,} bytes", raw)
    if file_bytes > limits.file_bytes:
        fail("file-size", "preamble", 24, f"at most {limits.file_bytes:,} bytes", file_bytes)


def check_length(preamble: Preamble, actual_bytes: int) -> None:
    """Rule `file-length`: the file ends where the preamble says, and the manifest lies inside it."""
    if preamble.file_bytes != actual_bytes:
        fail("file-length", "preamble", 24, f"{preamble.file_bytes:,} bytes as declared", f"{actual_bytes:,} bytes")
    end = PREAMBLE_BYTES + preamble.manifest_bytes
    if end > actual_bytes:
        fail("file-length", "manifest", PREAMBLE_BYTES, f"{preamble.manifest_bytes:,} bytes of manifest",
             f"{actual_bytes - PREAMBLE_BYTES:,} bytes")  # fmt: skip


def check_seal(preamble: Preamble, head: bytes, stored_manifest: memoryview) -> None:
    """Rule `seal`."""
    found = seal_of(head[:SEALED_BYTES], stored_manifest)
    if found != preamble.seal:
        fail("seal", "preamble and manifest", SEALED_BYTES, preamble.seal.hex(), found.hex())
