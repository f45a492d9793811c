"""Streams written in the past decode to the same array for ever (append only).

Zstandard: library 1.5.5 through zstandard 0.22.0; brotli 1.2.1; Python 3.11 with liblzma 5 and zlib 1.
"""

import numpy as np
import pytest

from golfctl.coding import decode, encode


def sample():
    return (np.arange(960, dtype=np.int64) ** 2 * 7919 % 101 % 13 - 6).reshape(48, 20).astype(np.int16)


STREAMS = [
    (
        "zlib/1",
        "00ed4f410ec3300cc26993ffbfd789c7a052a57d61920f8e0206649287135b73786361606a160217c82116da16977e176e71"
        "81124e6ee1898ff0a6bdd653ba942bf4963643da23ec9c7a783bcda794d63bf3282b943495b169a7bd7c328f74a53de01ceb"
        "e3e74a7bdfebb39b74936ed24dba4937f99b265f",
    ),
    (
        "zlib/1",
        "02ed8d490ec35008433fe3fdcfcb1057f94a55255d6707085906e1176569a5cec64e02ae95ed250aea8e143b284b05f0608a"
        "26ee62ae66ea200e07442be930c9e826a89477ae6208ed48ddf13190810ce40d08b0cebe6a9bed4fc5a5ebbb7bceedf6fbfb"
        "4f1cc84006f206e403",
    ),
    (
        "lzma/1",
        "00e0077f008a5d007d3fdb7893003efc378548be9574eb7ba0e66052d1e889f8c23023abc1a3bd3a6d1d02bfc1f0d0b8a025"
        "3371149c4c76d0e94d1b82c0f31d51897c9d69de7e3ec527b2205c5a044dcfcdb5a6a3114f7782d6f7a9fc72091a0a08e2c7"
        "b06f8faa99cac18576b2ac6c6f5f87d3e2f2bf892ba733e8635c40ff07b404ee5ff29ec315cf4ae2b9094625000000",
    ),
    (
        "lzma/1",
        "03e0077f00c15d007d01adf3a62248f21600471e5e9162b1c268e4613901d99212b5229aa371404887c7dc043e3d11d113de"
        "d04891ee6a29d823f8330a152088c53abb0a77650383d5548f153514b61d7d69b7605379c699a7d11ab70fe19bd383b4dfd2"
        "a3723b35bfc68ef97dd6464040be0dfc03d245be86e67eae9d7738de34fc6428ddce08992197ce3c4b3a43527cddbae8b5f1"
        "15ba8f6ea9a98809f1f54c3d3c9efda232742494b04109858c2bf8b7938a322ce83d851341557f09eb1b26dff3dd894ef1b6"
        "1c00",
    ),
    (
        "zstd/1",
        "0028b52ffd6080062d0300528b150fe0690c5bca01000000c0d87b4b295382b15eda74f229364bf0cef73d2696e1e24c3681"
        "f5af7848cee373a46f93a4ed939cefe1480fc5bf25d826cec5604d1edfe7bcc0da14df4437e92d472119248560334c0cdb23"
        "031007b3363f08423c4bc552",
    ),
    (
        "zstd/1",
        "0128b52ffd60800685040022ca130fe0690c7bcb05000000406fb9b79429a5b0c8b97c9b359387f49b34519c82c75bf68e61"
        "9bbc24b0becf5258db7771a4c7c4112826d2f68689f3499f33317cd63f04ba199cdf2c81f493ef7b28148f20a8b15e34d184"
        "bafe1b9097149c0311340c81223085fffff70793f9335445cd2949540ce82f4e79e557b439a8cd608a243fef4885be896899"
        "983c05a206",
    ),
    (
        "brotli/1",
        "001f7f07e01f0976ec88f3876c25379c079da906851300f10f1b70c8612296282dca478aab77560fdfb7830af59d47d581bd"
        "57efc7a92bc92cb1062d5226bce04e926a1dfe57b736d2a5f17d620a5a5a1e9c3e",
    ),
    (
        "rans/1",
        "0007020d0c3000000e0e0200d819504b8e26cdcc93113b2971d4ba8824adfaf4002aa57192d9689c183c57a593e1eae2c7f7"
        "0002b183a1de498197bff631511d4498cdcf36fafadaacc8b1f990a63aa8bd745b6bb84357c714f8c750794afb3d8b39a130"
        "329661bd117c0bce40b61d8860fd9c5346e4f70dcddca1d0b938211b60e09a6cfe8e57fac867a950fe5125bc4bef0add9624"
        "a252c4b4ca9b2fe9ec964c2661428fe7075de3a1fed0907221a26c471be129abf852f7795938089cd4193aa2cb4d66261b52"
        "25ddf432cc568de3fe73b16ed07b3f7590d65f0af571908581c22c1aaba2a2ded0fc09e668b0b56e4cedea9a84843b750f67"
        "55229de011511661f1f9a300ef30ed219f2128e2b029ee256c597cae62a75fec42a95fbf64ae66548d215305bc16377fb9a0"
        "388251d4e4774defd236e9d13df61205db41c054c2b84c3f8fdbe0df7408531ff8136efa7d884d791035dc9e8d200959d354"
        "dc8bde4c2dbb272f594e84896255190fb3f359d8616f5a7ee09e8bf571dc4d889f6dcd6f636f3c0d6519c0d9b83cde133cf6"
        "03287dc0202f59fa6f1ac3dd3a4782c2b4af5122b7b658576a2c526217acf051154184e6f3dbe4be7ba3614be2630ed6c714"
        "1225ee1e3d5a0d3f911c141103cb9e7d6119216c7747",
    ),
]


@pytest.mark.parametrize(("coder_id", "stream"), STREAMS, ids=[f"{i}-{one[0]}" for i, one in enumerate(STREAMS)])
def test_old_streams_decode(coder_id, stream):
    assert np.array_equal(decode(coder_id, bytes.fromhex(stream), np.int16, (48, 20)), sample())


def test_our_own_coder_writes_the_same_bytes_for_ever():
    """rans/1 depends on no library, so its encoder is pinned too: another choice of spreads is no accident."""
    ours = [stream for coder_id, stream in STREAMS if coder_id == "rans/1"]
    assert encode("rans/1", sample()).hex() == ours[-1]
