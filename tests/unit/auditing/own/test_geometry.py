from golfctl.auditing.own.geometry import differences, probe_config
from golfctl.scoring.config import EvalConfig


def test_adapters_are_probed_without_chunks():
    config = EvalConfig.from_dict({"seq_len": 512, "context": "documents", "ttt": {"form": "lora"}})
    probed = probe_config(config)
    assert probed.ttt == config.ttt and probed.seq_len == 64
    assert not any(key.startswith("ttt") for key in differences(config, probed))


def test_chunks_shrink_and_stay_a_multiple_of_the_stride():
    config = EvalConfig.from_dict({"seq_len": 512, "stride": 64, "ttt": {"chunk": 32768}})
    probed = probe_config(config)
    assert probed.ttt.chunk == 128 and probed.stride == 16
    assert differences(config, probed)["ttt.chunk"] == [32768, 128]
