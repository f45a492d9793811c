"""What can be chosen by name: parts under `[model.parts.NAME]`, forms of residual paths.

Rows of `PARTS` stand in the order in which parts are applied.
"""

from golfctl.core.table import Table

PARTS = Table(
    "model part",
    {
        "bigram": "golfctl.model.bigram:Bigram",
        "gated_smear": "golfctl.model.smear:GatedSmear",
        "smear": "golfctl.model.smear:Smear",
        "value_embedding": "golfctl.model.values:ValueEmbedding",
        "value_residual": "golfctl.model.values:ValueResidual",
        "xsa": "golfctl.model.xsa:Xsa",
        "gated_attention": "golfctl.model.gates:GatedAttention",
        "dense_gate": "golfctl.model.gates:DenseGate",
        "output_gate": "golfctl.model.gates:OutputGate",
        "sparse_gate": "golfctl.model.gates:SparseGate",
    },
)

PATHS = Table(
    "form of residual paths",
    {
        "sequential": "golfctl.model.paths:Paths",
        "parallel": "golfctl.model.paths:ParallelPaths",
        "merged_lanes": "golfctl.model.lanes:MergedLanes",
        "sequential_lanes": "golfctl.model.lanes:SequentialLanes",
        "simultaneous_lanes": "golfctl.model.lanes:SimultaneousLanes",
    },
)
