"""Components by name: those every model has, forms of residual paths, parts under `[model.parts.NAME]`.

Rows of `PARTS` stand in the order in which parts are applied.
"""

from golfctl.core.table import Table

CORE = Table(
    "component",
    {
        "embedding": "golfctl.model.blocks.embedding:Embedding",
        "attention": "golfctl.model.blocks.attention:Attention",
        "feed_forward": "golfctl.model.blocks.feed_forward:FeedForward",
        "residual": "golfctl.model.blocks.residual:Residual",
        "skips": "golfctl.model.blocks.residual:Skips",
        "head": "golfctl.model.blocks.head:Head",
    },
)

PARTS = Table(
    "model part",
    {
        "bigram": "golfctl.model.parts.bigram:Bigram",
        "gated_smear": "golfctl.model.parts.smear:GatedSmear",
        "smear": "golfctl.model.parts.smear:Smear",
        "value_embedding": "golfctl.model.parts.attention_values:ValueEmbedding",
        "value_residual": "golfctl.model.parts.attention_values:ValueResidual",
        "xsa": "golfctl.model.parts.xsa:Xsa",
        "gated_attention": "golfctl.model.parts.gates:GatedAttention",
        "dense_gate": "golfctl.model.parts.gates:DenseGate",
        "output_gate": "golfctl.model.parts.gates:OutputGate",
        "sparse_gate": "golfctl.model.parts.gates:SparseGate",
    },
)

PATHS = Table(
    "form of residual paths",
    {
        "sequential": "golfctl.model.blocks.paths:Paths",
        "parallel": "golfctl.model.blocks.paths:ParallelPaths",
        "merged_lanes": "golfctl.model.blocks.parallel_streams:MergedStreams",
        "sequential_lanes": "golfctl.model.blocks.parallel_streams:SequentialStreams",
        "simultaneous_lanes": "golfctl.model.blocks.parallel_streams:SimultaneousStreams",
    },
)
