"""Writes golden vectors for dequantization: random blocks (X.raw) and what the `gguf` package makes of them (X.f32).

Q8_1 and Q8_K are not in that package; they are computed here from their definition.
"""
import pathlib
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Where the binary16 scales are in a block.
HALVES = {
    "F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0],
    "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64], "MXFP4": [], "BF16": [], "Q8_K": [],
}
random = np.random.default_rng(20260101)
here = pathlib.Path(__file__).parent

for name, halves in HALVES.items():
    kind = getattr(T, name)
    # The package's size of Q8_1 (40) is that of a version long gone.
    length, size = (32, 36) if name == "Q8_1" else GGML_QUANT_SIZES[kind]
    blocks = 512 // length
    raw = random.integers(0, 256, (blocks, size), dtype=np.uint8)
    for at in halves:
        # From subnormal to large, both signs.
        scales = random.standard_normal(blocks) * 2.0 ** random.integers(-24, 6, blocks)
        raw[:, at:at + 2] = scales.astype(np.float16).view(np.uint8).reshape(blocks, 2)
    if name == "BF16":
        values = random.standard_normal(blocks).astype(np.float32)
        raw = np.ascontiguousarray((values.view(np.uint32) >> 16).astype(np.uint16)).view(np.uint8)
    if name == "MXFP4":
        raw[:, 0] = np.concatenate([[0, 1, 2, 127], random.integers(100, 150, blocks - 4)])
    if name == "F16":
        out = raw.reshape(-1).view(np.float16).astype(np.float32)
    elif name == "Q8_1":
        out = raw[:, :2].copy().view(np.float16).astype(np.float32) * raw[:, 4:].view(np.int8)
    elif name == "Q8_K":
        scales = random.standard_normal(blocks).astype(np.float32).reshape(blocks, 1)
        raw[:, :4] = scales.view(np.uint8)
        out = scales * raw[:, 4:260].view(np.int8)
    else:
        out = dequantize(raw.reshape(-1), kind)
    raw.tofile(here / f"{name}.raw")
    np.asarray(out, dtype=np.float32).tofile(here / f"{name}.f32")
