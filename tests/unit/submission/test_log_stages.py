"""Stages: what the words around a score say of it, and where a run ends."""

import pytest

from golfctl.submission.logs import Stage, last_stage, parse_log

T, B, A, S, L, U, P = (
    Stage.TRAINING, Stage.BEFORE, Stage.AFTER, Stage.SLIDING, Stage.TTT, Stage.UNNAMED, Stage.PROGRESS
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("step:7/9 val_bpb:1.1", T), ("7/9 val_bpb: 1.1", T), ("Step 1999 | Val BPB: 1.1", T), ("epoch 3 bpb=1.1", T),
        ("1776142723.115 7/9 val_bpb: 1.1", T), ("2026-04-01 10:11:12,345 INFO step:7 bpb:1.1", T),
        ("[rank0] 7/9 bpb:1.1", T), ("best_val_bpb:1.1", T), ('{"step": 7, "val_bpb": 1.1}', T),
        ("DIAGNOSTIC post_ema val_bpb:1.1", B), ("pre-quantization post-ema val_bpb:1.1", B), ("prequant bpb:1.1", B),
        ("before quantisation val_bpb:1.1", B), ("swa val_bpb=1.1", B), ("val_bpb:1.1 (pre-quant)", B),
        ("pre_quant_ttt val_bpb:1.1", B), ("unquantized sliding bpb:1.1", B), ('{"phase": "ema", "bpb": 1.1}', B),
        ("quantized val_bpb:1.1", A), ("final_int6_roundtrip_exact val_bpb:1.1", A),
        ("diagnostic quantized bpb:1.1", A), ("post-quant bpb:1.1", A), ("zlib round trip bpb:1.1", A),
        ("ternary_roundtrip bpb:1.1", A),
        ("ema int6 val_bpb:1.1", A), ('{"step": 9, "stage": "int6", "bpb": 1.1}', A), ("final_int8 step:9 bpb:1.1", A),
        ("final_int6_sliding_window val_bpb:1.1", S), ("quantized_sliding val_bpb:1.1", S), ("bpb:1.1 stride:64", S),
        ("eval_bpb sliding_bpb:1.1", S), ("final sliding val_bpb:1.1", S), ("quantized, no ttt, sliding bpb:1.1", S),
        ("legal_ttt_exact val_bpb:1.1", L), ("quantized_ttt_phased val_bpb:1.1", L), ("final_int8_ttt_lora bpb:1.1", L),
        ("test-time training bpb:1.1", L), ('{"stage": "ttt", "bpb": 1.1}', L), ("ttt_sliding:done val_bpb=1.1", L),
        ("ppm_mix_bpb:1.1", U), ("final val_bpb:1.1", U), ('{"stage": "final", "bpb": 1.1}', U), ("bpb:1.1", U),
        ("ttt_chunk [7/9] bpb=1.1", P), ("  sliding [ 10.6%] 1/9 windows running_bpb=1.1", P), ("batch_bpb:1.1", P),
        ("ttt chunk 7/9 bpb:1.1", P), ("ttt step:7 bpb:1.1", P),
    ],
)  # fmt: skip
def test_the_stage_of_a_score(line, stage):
    (score,) = parse_log(line).scores
    assert score.stage is stage and score.bpb == 1.1


def test_two_scores_of_a_line_have_each_its_own_stage():
    scores = parse_log("pre-quant val_bpb:1.10 int6 val_bpb:1.12 ttt val_bpb:1.11 dt val_bpb:0.9").scores
    assert [s.stage for s in scores] == [B, A, L, B]
    assert [
        s.stage for s in parse_log("int6: val_loss:1.9 val_bpb:1.12 sliding val_loss:1.8 sliding val_bpb:1.10").scores
    ] == [A, S]
    assert [
        s.loss for s in parse_log("val_loss:1.9 val_bpb:1.12 sliding val_loss:1.8 sliding val_bpb:1.10").scores
    ] == [1.9, 1.8]


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["step:9/9 bpb:1.3", "ema bpb:1.2", "int6 bpb:1.5", "int6_exact bpb:1.51"], [1.5, 1.51]),
        (["int6 bpb:1.5", "sliding bpb:1.4", "ttt bpb:1.3"], [1.3]),
        (["int6 bpb:1.5", "sliding bpb:1.4", "sliding_64 bpb:1.41"], [1.4, 1.41]),
        (["int6 bpb:1.5", "sliding bpb:1.4", "mix_bpb:1.3"], [1.4, 1.3]),
        (["b_bpb:9", "step:9/9 bpb:1.3", "ends bpb:1.4"], [1.4]),
        (["int6 bpb:1.5", "ttt_chunk [9/9] bpb:1.2", "pre-quant bpb:1.3"], [1.5]),
        (["step:1/9 bpb:1.5", "step:9/9 bpb:1.4"], [1.4]),
        (["step:9/9 bpb:1.4", "ema bpb:1.3"], [1.3]),
        (["running_bpb:1.4", "running_bpb:1.3"], [1.3]),
        (["int6 bpb:1.5", "sliding bpb:1.4x"], [None]),
        ([], []),
    ],
)  # fmt: skip
def test_where_a_run_ends(lines, end):
    assert [score.bpb for score in last_stage(list(parse_log("\n".join(lines)).scores))] == end
