"""Writes golden vectors for dequantization: random blocks (X.raw) and what the `gguf` package makes of them (X.f32).

Q8_1, Q8_K, Q1_0 and Q2_0 are not in that package; they are computed here from their definition.
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
    "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0],
    "NVFP4": [], "Q1_0": [0], "Q2_0": [0],
}
# What the package does not know.
SIZES = {"Q8_1": (32, 36), "Q1_0": (128, 18), "Q2_0": (64, 18)}
random = np.random.default_rng(20260101)
here = pathlib.Path(__file__).parent

for name, halves in HALVES.items():
    kind = getattr(T, name, None)
    # The package's size of Q8_1 (40) is that of a version long gone.
    length, size = SIZES.get(name) or GGML_QUANT_SIZES[kind]
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
    if name == "IQ1_M":
        # The four upper bits of four 16-bit words are the scale.
        scales = (random.standard_normal(blocks) * 2.0 ** random.integers(-24, 6, blocks)).astype(np.float16)
        for word in range(4):
            upper = (scales.view(np.uint16) >> (4 * word) & 15).astype(np.uint8)
            raw[:, 49 + 2 * word] = raw[:, 49 + 2 * word] & 15 | upper << 4
    if name == "NVFP4":
        raw[0, :4] = [0, 1, 7, 127]
        # The sign bit of a scale is never set.
        raw[:, :4] &= 127
    if name == "F16":
        out = raw.reshape(-1).view(np.float16).astype(np.float32)
    elif name == "Q8_1":
        out = raw[:, :2].copy().view(np.float16).astype(np.float32) * raw[:, 4:].view(np.int8)
    elif name == "Q8_K":
        scales = random.standard_normal(blocks).astype(np.float32).reshape(blocks, 1)
        raw[:, :4] = scales.view(np.uint8)
        out = scales * raw[:, 4:260].view(np.int8)
    elif name in ("Q1_0", "Q2_0"):
        # Codes of 1 or 2 bits, the lowest bits first.
        width = int(name[1])
        codes = raw[:, 2:, None] >> np.arange(0, 8, width, dtype=np.uint8) & (2 ** width - 1)
        numbers = codes.reshape(blocks, -1).astype(np.float32)
        numbers = 2 * numbers - 1 if name == "Q1_0" else numbers - 1
        out = raw[:, :2].copy().view(np.float16).astype(np.float32) * numbers
    else:
        out = dequantize(raw.reshape(-1), kind)
    raw.tofile(here / f"{name}.raw")
    np.asarray(out, dtype=np.float32).tofile(here / f"{name}.f32")
