"""Whole logs: the facts that they tell, in the field's dialects and in our own words."""

import hypothesis
import pytest
from hypothesis import strategies as st

from golfctl.submission.logs import Stage, last_stage, parse_log

LOG = """
    print(f"val_bpb:{bpb:.4f}")
    running_bpb = 0.0
    log0(f"Total submission size: {model_bytes + code_bytes} bytes")
seed: 1337
val_loader: fineweb, all shards, tokens:62021632
step:7000/9000 train_loss:1.7889 train_time:584853ms
step:7179/9000 val_loss:1.9214 val_bpb:1.1379 train_time:600128ms
time is up, training ends: train_time:600128ms at step:7179/9000
gptq: collected our statistics in 3.4s
Code size: 89458 bytes
Total submission size: 106116904 bytes
Total submission size int6+lzma: 15,977,386 bytes
final_int6_sliding val_loss:1.8939 val_bpb:1.1217 stride:64 eval_time:74066ms
score_first_ttt val_loss:1.88976776 val_bpb:1.11922988
"""


def test_a_log_of_the_main_dialect():
    facts = parse_log(LOG)
    assert facts.seed == 1337 and facts.val_tokens == 62021632
    assert facts.train_seconds == 600.128 and facts.calibration_seconds == 3.4
    assert facts.counted_bytes == 15_977_386 and facts.code_bytes == {"": 89458}
    assert [(s.tag, s.bpb, s.stage) for s in facts.scores] == [
        ("step", 1.1379, Stage.TRAINING),
        ("final_int6_sliding", 1.1217, Stage.SLIDING),
        ("score_first_ttt", 1.11922988, Stage.TTT),
    ]
    assert facts.eval_stages == {"0 final_int6_sliding": 74.066}


def test_a_stage_that_reports_itself_twice_counts_once():
    text = "ttt_pass:ended val_loss=1.889768 val_bpb=1.119230 elapsed=409.8s\n"
    text += "honest_ttt val_loss:1.8898 val_bpb:1.1192 eval_time:410268ms\n"
    assert list(parse_log(text).eval_stages.values()) == [409.8]
    assert len(parse_log(text + "again val_loss:1.9 val_bpb:1.13 eval_time:410000ms").eval_stages) == 2


def test_minutes_and_other_separators():
    facts = parse_log("4557/20000 val_loss: 2.8129 val_bpb: 1.0889\nended, train_time: 9.8m\n"
                      "ttt_pass:ended val_loss=1.889768 val_bpb=1.119230 elapsed=409.8s\n")  # fmt: skip
    assert facts.train_seconds == pytest.approx(588.0) and facts.scores[1].seconds == 409.8
    assert facts.scores[0].tag == "step"


def test_json_lines():
    facts = parse_log(
        '{"config": {"seed": 42}, "val_tokens": 62021632}\n'
        '{"step": 100, "val_loss": 1.91, "val_bpb": 1.1312, "train_time_ms": 599000}\n'
        '{"stage": "int6 roundtrip", "val_loss": 1.8958, "val_bpb": 1.1228, "eval_time_s": 12.5}\n'
    )
    assert facts.seeds == (42,) and facts.val_tokens == 62021632 and facts.train_seconds == 599.0
    assert [(s.bpb, s.loss, s.seconds, s.stage) for s in facts.scores] == [
        (1.1312, 1.91, None, Stage.TRAINING),
        (1.1228, 1.8958, 12.5, Stage.AFTER),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "val_loader tokens: 62.0M", "val_tokens: 62.5", "seed: 2026-04-01", "seed=1.5", "train_time:1,5ms",
        "train_time: 10m5s", "train_time:-5ms", "eval_time: 600 GB val_bpb:1.1", "train_time:nanms",
        "Total submission size: 15.9 bytes", "Total submission size: 15,97,7386 bytes", "Code size: 1e5 bytes",
        "Total submission size: 15977 kilobytes",
    ],
)  # fmt: skip
def test_no_other_number_is_cut_in_the_middle(text):
    facts = parse_log(text)
    assert facts.seed is None and facts.val_tokens is None and facts.train_seconds is None
    assert not facts.totals and not facts.code_bytes and not facts.eval_stages


def test_a_score_that_is_no_number_is_kept_as_such():
    assert [s.bpb for s in parse_log("final_int6 val_bpb: 1.12.3\n").scores] == [None]
    assert [s.bpb for s in parse_log("final_int6 val_bpb: 1.12s\n").scores] == [None]


def test_words_that_are_no_scores():
    text = "train_bpb:1.3 delta_bpb:0.002 gap bpb:0.01 target_bpb=1.1 val_bpb:enabled bpb_std:0.1\nloss = b_bpb = 0.0\n"
    assert not parse_log(text).scores


def test_a_step_that_falls_back_begins_the_next_run():
    runs = [
        f"seed:{seed}\nstep:0/9 val_bpb:4.0\nstep:9/9 val_bpb:1.2\nfinal_int6 val_bpb:{bpb}\n"
        for seed, bpb in ((1, 1.11), (2, 1.13))
    ]
    facts = parse_log("".join(runs))
    assert [last_stage(run)[-1].bpb for run in facts.runs] == [1.11, 1.13] and facts.seeds == (1, 2)


def test_numbers_that_may_be_scores_are_kept():
    facts = parse_log("step:9/9 val_bpb:1.2\nBPB of the end 1.1228\nEndergebnis 1.1133\nversion 1.12.345\n")
    assert set(facts.stray) == {1.1228, 1.1133}


def test_much_of_everything_is_bounded():
    facts = parse_log("".join(f"seed:{i}\nTotal submission size {i}: 5 bytes\nval_bpb:1.{i}\n" for i in range(3000)))
    assert len(facts.seeds) <= 100 and len(facts.totals) <= 100 and facts.scores[-1].bpb == 1.2999


@hypothesis.given(st.text(max_size=400))
def test_nothing_that_stands_in_a_log_raises(text):
    parse_log(text)
    parse_log(f"val_bpb:{text}\nseed:{text}\nTotal submission size: {text} bytes\ntrain_time:{text}ms")
    parse_log(f'{{"val_bpb": {text}}}\n{{"{text}": 1, "val_bpb": "{text}"}}\n{{"a": {{"bpb": 1{text}}}}}')
