from golfctl.cli.views.eval_text import baseline_rows


def test_a_primed_compressor_is_named_as_primed_and_the_best_stands_first():
    rows = [{"name": "xz -9e", "bpb": 2.8, "primed": False}, {"name": "xz -9e", "bpb": 2.1, "primed": True}]
    lines = [line.rstrip() for line in baseline_rows({"val_bpb": 2.05}, rows).splitlines()[2:]]
    assert lines[0].startswith("this artifact") and lines[0].endswith("2.0500")
    assert lines[1].startswith("xz -9e, primed with the training text") and lines[1].endswith("2.1000")
    assert lines[2].startswith("xz -9e ") and "primed" not in lines[2]
