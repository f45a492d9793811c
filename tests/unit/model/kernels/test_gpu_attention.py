import subprocess
import sys

import pytest
import torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="there kernels are looked up on import")
def test_a_model_on_the_cpu_imports_no_compiler():
    code = "import sys, golfctl.model.weights.new_model; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
