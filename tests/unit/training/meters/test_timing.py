import pytest
import torch

from golfctl.training.meters.timing import CudaPhases, HostPhases, phases_on


def test_host_phases_add_up_between_marks():
    times = iter([0.0, 1.0, 1.5, 10.0, 12.0])
    phases = HostPhases(now=lambda: next(times))
    phases.start()
    phases.mark("data")
    phases.mark("gradient")
    phases.start()
    phases.mark("data")
    assert phases.seconds() == {"data": 3.0, "gradient": 0.5, "optimizer": 0.0}
    phases.reset()
    assert set(phases.seconds().values()) == {0.0}
    assert isinstance(phases_on(torch.device("cpu")), HostPhases)


class Device:
    """A stream whose work takes a second between two events, and that is `reached` events far."""

    def __init__(self):
        self.queued, self.reached, self.waits = 0, 0, 0

    def event(self):
        return Event(self)


class Event:
    def __init__(self, device):
        self.device, self.number = device, None

    def record(self, stream):
        assert stream == "stream"
        self.number = self.device.queued
        self.device.queued += 1

    def query(self):
        return self.number < self.device.reached

    def synchronize(self):
        self.device.waits += 1
        self.device.reached = max(self.device.reached, self.number + 1)

    def elapsed_time(self, other):
        assert self.query() and other.query(), "read before the device got there"
        return 1000.0 * (other.number - self.number)


def step(phases):
    phases.start()
    for phase in ("data", "gradient", "optimizer"):
        phases.mark(phase)


def test_on_cuda_steps_never_wait_and_reading_waits_once():
    device = Device()
    phases = CudaPhases(device.event, lambda: "stream")
    for _ in range(5):
        step(phases)
    assert device.waits == 0
    assert phases.seconds() == {"data": 5.0, "gradient": 5.0, "optimizer": 5.0} and device.waits == 1
    assert phases.seconds()["data"] == 5.0 and device.waits == 1  # nothing new: nothing to wait for
    step(phases)
    phases.reset()
    assert phases.seconds()["data"] == 0.0


def test_a_long_stretch_without_a_log_keeps_few_events(monkeypatch):
    monkeypatch.setattr("golfctl.training.meters.timing._MOST_PENDING", 6)
    device = Device()
    phases = CudaPhases(device.event, lambda: "stream")
    for _ in range(50):
        step(phases)
        device.reached = device.queued - 2  # the last mark is still under way
    assert len(phases._pending) < 10 and device.waits == 0
    assert phases.seconds() == dict.fromkeys(("data", "gradient", "optimizer"), 50.0)


@pytest.mark.gpu
def test_events_of_a_real_device_agree_with_the_host():
    phases = phases_on(torch.device("cuda", 0))
    a = torch.randn(4096, 4096, device="cuda")
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    phases.start()
    for _ in range(20):
        a = (a @ a).clamp(-1, 1)
    phases.mark("gradient")
    end.record()
    end.synchronize()
    assert phases.seconds()["gradient"] == pytest.approx(start.elapsed_time(end) / 1000.0, rel=0.2)
