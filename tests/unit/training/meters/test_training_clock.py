from golfctl.training.meters.training_clock import TrainingClock


def test_pauses_and_saved_time():
    now = [100.0]
    clock = TrainingClock(spent=5.0, now=lambda: now[0])
    assert clock.seconds == 5.0
    clock.start()
    now[0] += 2
    with clock.paused():
        now[0] += 50
        assert clock.seconds == 7.0
    now[0] += 1
    assert clock.seconds == 8.0


def test_pausing_a_clock_that_stands_does_not_start_it():
    now = [0.0]
    clock = TrainingClock(now=lambda: now[0])
    with clock.paused():
        now[0] += 3
    now[0] += 3
    assert clock.seconds == 0.0
