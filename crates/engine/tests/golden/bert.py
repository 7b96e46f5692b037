"""A tiny seeded BERT for token classification, and its logits in f64, written from Devlin et al. 2018. Only the standard
library. Usage: python3 bert.py FOLDER (writes weights.bin, which is safetensors, config.json and golden.json there)."""

import json
import math
import pathlib
import random
import struct
import sys

VOCAB, HIDDEN, LAYERS, HEADS, INNER, POSITIONS, LABELS = 40, 16, 2, 4, 24, 32, 5
random.seed(20261127)
tensors = {}


def tensor(name, *shape, centre=0.0, scale=0.4):
    values = [random.gauss(centre, scale) for _ in range(math.prod(shape))]
    values = list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))
    tensors[name] = (shape, values)


def linear(name, rows, cols):
    tensor(name + ".weight", rows, cols)
    tensor(name + ".bias", rows)


def norm(name):
    tensor(name + ".weight", HIDDEN, centre=1.0, scale=0.2)
    tensor(name + ".bias", HIDDEN, scale=0.2)


def row(name, i):
    cols = tensors[name][0][-1]
    return tensors[name][1][i * cols : (i + 1) * cols]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def apply_linear(name, x):
    bias = tensors[name + ".bias"][1]
    return [dot(row(name + ".weight", o), x) + bias[o] for o in range(len(bias))]


def apply_norm(name, x):
    mean = sum(x) / len(x)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + 1e-12)
    weight, bias = tensors[name + ".weight"][1], tensors[name + ".bias"][1]
    return [(v - mean) / deviation * w + b for v, w, b in zip(x, weight, bias, strict=True)]


def add(a, b):
    return [x + y for x, y in zip(a, b, strict=True)]


def gelu(v):
    return v * 0.5 * (1 + math.erf(v / math.sqrt(2)))


def attention(at, xs):
    q, k, v = ([apply_linear(f"{at}.self.{part}", x) for x in xs] for part in ("query", "key", "value"))
    dim, out = HIDDEN // HEADS, []
    for i in range(len(xs)):
        mixed = []
        for h in range(0, HIDDEN, dim):
            weights = [math.exp(dot(q[i][h : h + dim], key[h : h + dim]) / math.sqrt(dim)) for key in k]
            mixed += [sum(w * val[h + d] for w, val in zip(weights, v)) / sum(weights) for d in range(dim)]
        out.append(apply_linear(f"{at}.output.dense", mixed))
    return out


def logits(ids):
    at = "bert.embeddings."
    xs = []
    for position, i in enumerate(ids):
        x = add(row(at + "word_embeddings.weight", i), row(at + "position_embeddings.weight", position))
        xs.append(apply_norm(at + "LayerNorm", add(x, row(at + "token_type_embeddings.weight", 0))))
    for n in range(LAYERS):
        at = f"bert.encoder.layer.{n}"
        mixed = attention(at + ".attention", xs)
        xs = [apply_norm(at + ".attention.output.LayerNorm", add(x, y)) for x, y in zip(xs, mixed)]
        inner = [[gelu(v) for v in apply_linear(at + ".intermediate.dense", x)] for x in xs]
        down = [apply_linear(at + ".output.dense", x) for x in inner]
        xs = [apply_norm(at + ".output.LayerNorm", add(x, y)) for x, y in zip(xs, down)]
    return [apply_linear("classifier", x) for x in xs]


def make():
    tensor("bert.embeddings.word_embeddings.weight", VOCAB, HIDDEN)
    tensor("bert.embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    tensor("bert.embeddings.token_type_embeddings.weight", 2, HIDDEN)
    norm("bert.embeddings.LayerNorm")
    for n in range(LAYERS):
        at = f"bert.encoder.layer.{n}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear(at + "attention." + part, HIDDEN, HIDDEN)
        norm(at + "attention.output.LayerNorm")
        linear(at + "intermediate.dense", INNER, HIDDEN)
        linear(at + "output.dense", HIDDEN, INNER)
        norm(at + "output.LayerNorm")
    linear("classifier", LABELS, HIDDEN)


def write(folder):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        end = len(data) + 4 * len(values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), end]}
        data += struct.pack(f"<{len(values)}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "weights.bin").write_bytes(struct.pack("<Q", len(text)) + text + data)
    labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    config = {
        "model_type": "bert", "vocab_size": VOCAB, "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": INNER, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        "id2label": {str(i): label for i, label in enumerate(labels)},
    }
    (folder / "config.json").write_text(json.dumps(config) + "\n")
    cases = [[7], [2, 31, 5, 5, 17, 3], [(11 * i + 3) % VOCAB for i in range(POSITIONS)]]
    golden = [{"ids": ids, "logits": [[round(v, 7) for v in x] for x in logits(ids)]} for ids in cases]
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
make()
write(folder)
