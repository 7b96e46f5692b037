#!/usr/bin/env python3
"""Golden values for the engine from an independent forward pass in f32.

Needs numpy and gguf (both on PyPI): pip install --target DIR numpy gguf; PYTHONPATH=DIR python3 reference.py MODEL.gguf
Reads prompts.json (token ids by name) beside this file and writes NAME.json for each prompt:
  prompt   token ids
  greedy   64 ids, each the largest logit after the ones before (lowest id among equals)
  gaps     largest minus second largest logit at each of these 64 steps
  top      the 64 largest logits after the prompt, as [id, logit]
  sample   every 16th logit after the prompt
Weights are dequantized by the gguf package, everything else is plain numpy in f32 (angles in f64); nothing is shared with
the engine.
"""

import json
import pathlib
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

HERE = pathlib.Path(__file__).parent
STEPS = 64
STRIDE = 16


class Llama:
    def __init__(self, path):
        reader = GGUFReader(path)
        field = lambda key: reader.fields[key].contents()
        self.w = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
        self.layers = field("llama.block_count")
        self.heads = field("llama.attention.head_count")
        self.kv_heads = field("llama.attention.head_count_kv")
        self.eps = np.float32(field("llama.attention.layer_norm_rms_epsilon"))
        self.dim = field("llama.embedding_length") // self.heads
        base = field("llama.rope.freq_base")
        self.freq = 1.0 / base ** (np.arange(0, self.dim, 2, dtype=np.float64) / self.dim)
        self.head = self.w.get("output.weight", self.w["token_embd.weight"])
        self.keys = [np.zeros((0, self.kv_heads, self.dim), np.float32) for _ in range(self.layers)]
        self.values = list(self.keys)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name]

    def turn(self, x, start):
        """Neighbouring pairs; x is [tokens, heads, dim]."""
        angle = (start + np.arange(len(x)))[:, None, None] * self.freq
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        out = np.empty_like(x)
        out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return out

    def attend(self, q, k, v, start):
        out = np.empty_like(q)
        last = start + np.arange(len(q))[:, None]
        hidden = np.arange(len(k))[None, :] > last
        for head in range(self.heads):
            group = head // (self.heads // self.kv_heads)
            scores = q[:, head] @ k[:, group].T / np.float32(np.sqrt(self.dim))
            scores = np.where(hidden, np.float32(-np.inf), scores)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            out[:, head] = (scores / scores.sum(-1, keepdims=True)) @ v[:, group]
        return out

    def forward(self, ids):
        """Logits after the last of ids, which continue what was given before."""
        x = self.w["token_embd.weight"][ids]
        start = len(self.keys[0])
        for i in range(self.layers):
            w = lambda part: self.w[f"blk.{i}.{part}.weight"]
            h = self.norm(x, f"blk.{i}.attn_norm.weight")
            q = (h @ w("attn_q").T).reshape(len(ids), self.heads, self.dim)
            k = (h @ w("attn_k").T).reshape(len(ids), self.kv_heads, self.dim)
            v = (h @ w("attn_v").T).reshape(len(ids), self.kv_heads, self.dim)
            self.keys[i] = np.concatenate([self.keys[i], self.turn(k, start)])
            self.values[i] = np.concatenate([self.values[i], v])
            a = self.attend(self.turn(q, start), self.keys[i], self.values[i], start)
            x = x + a.reshape(len(ids), -1) @ w("attn_output").T
            h = self.norm(x, f"blk.{i}.ffn_norm.weight")
            gate, up = h @ w("ffn_gate").T, h @ w("ffn_up").T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w("ffn_down").T
        return self.norm(x[-1], "output_norm.weight") @ self.head.T

    def forget(self):
        self.keys = [k[:0] for k in self.keys]
        self.values = [v[:0] for v in self.values]


def main():
    model = Llama(sys.argv[1])
    for name, prompt in json.loads((HERE / "prompts.json").read_text()).items():
        model.forget()
        logits = first = model.forward(prompt)
        greedy, gaps = [], []
        for _ in range(STEPS):
            best = int(np.argmax(logits))
            two = np.partition(logits, -2)[-2:]
            greedy.append(best)
            gaps.append(round(float(two[1] - two[0]), 5))
            if len(greedy) < STEPS:
                logits = model.forward([best])
        top = np.argsort(-first, kind="stable")[:64]
        golden = {
            "prompt": prompt,
            "greedy": greedy,
            "gaps": gaps,
            "top": [[int(i), round(float(first[i]), 5)] for i in top],
            "sample": [round(float(v), 5) for v in first[::STRIDE]],
        }
        (HERE / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, len(prompt), "tokens, greedy", greedy[:8], file=sys.stderr)


main()
