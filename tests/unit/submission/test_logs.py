import hypothesis
from hypothesis import strategies as st

from golfctl.submission.logs import parse_log

LOG = """
    print(f"val_bpb:{bpb:.4f}")
    log0(f"Total submission size: {model_bytes + code_bytes} bytes")
seed: 1337
val_loader:shards pattern=./data/val_*.bin tokens:62021632
step:7000/9000 train_loss:1.7889 train_time:584853ms step_avg:83.55ms
step:7179/9000 val_loss:1.9214 val_bpb:1.1379 train_time:600128ms step_avg:83.59ms
stopping_early: wallclock_cap train_time:600128ms step:7179/9000
GPTQ:collected 67 Hessians in 3.4s
Code size: 89458 bytes
Total submission size: 106116904 bytes
Total submission size int6+lzma: 15,977,386 bytes
final_int6_sliding_window val_loss:1.8939 val_bpb:1.1217 stride:64 eval_time:74066ms
legal_ttt_exact val_loss:1.88976776 val_bpb:1.11922988
"""


def test_a_log_of_the_main_dialect():
    facts = parse_log(LOG)
    assert facts.seed == 1337 and facts.val_tokens == 62021632
    assert facts.train_seconds == 600.128 and facts.calibration_seconds == 3.4
    assert facts.counted_bytes == 15_977_386 and facts.code_bytes == {"": 89458}
    assert [(s.tag, s.bpb) for s in facts.scores] == [
        ("step", 1.1379), ("final_int6_sliding_window", 1.1217), ("legal_ttt_exact", 1.11922988),
    ]  # fmt: skip
    assert facts.eval_stages == {"0 final_int6_sliding_window": 74.066}


def test_a_stage_that_reports_itself_twice_counts_once():
    text = "ttt_sliding:done val_loss=1.889768 val_bpb=1.119230 elapsed=409.8s\n"
    text += "legal_ttt val_loss:1.8898 val_bpb:1.1192 eval_time:410268ms\n"
    assert list(parse_log(text).eval_stages.values()) == [409.8]
    assert len(parse_log(text + "again val_loss:1.9 val_bpb:1.13 eval_time:410000ms").eval_stages) == 2


def test_minutes_and_other_separators():
    facts = parse_log("4557/20000 val_loss: 2.8129 val_bpb: 1.0889\nstopping train_time: 9.8m\n"
                      "ttt_sliding:done val_loss=1.889768 val_bpb=1.119230 elapsed=409.8s\n")  # fmt: skip
    assert facts.train_seconds == 588.0 and facts.scores[1].seconds == 409.8 and facts.scores[0].tag == "step"


@hypothesis.given(st.text(max_size=400))
def test_nothing_that_stands_in_a_log_raises(text):
    parse_log(text)
    parse_log(f"val_bpb:{text}\nseed:{text}\nTotal submission size: {text} bytes\ntrain_time:{text}ms")
