#!/usr/bin/env python3
"""Golden values for the engine from an independent forward pass in f32.

Needs numpy and gguf (both on PyPI): pip install --target DIR numpy gguf; PYTHONPATH=DIR python3 reference.py ...

    reference.py MODEL.gguf [FOLDER]   reads FOLDER/prompts.json (token ids by name; the folder is this file's where none
                                       is named) and writes FOLDER/NAME.json for each prompt:
        prompt   token ids
        greedy   64 ids, each the largest logit after the ones before (lowest id among equals)
        gaps     largest minus second largest logit at each of these 64 steps
        top      the 64 largest logits after the prompt, as [id, logit]
        sample   every so many-th logit after the prompt
    reference.py --tiny FILE.gguf ...  writes tiny/NAME.json for each of testkit's tiny models:
        sha256   of the file
        prompt   token ids
        logits   all of them, after each of the prompt's last positions

Weights are dequantized by the gguf package, everything else is plain numpy in f32 (angles in f64), written after the
papers and the families' published code; nothing is shared with the engine.
"""

import hashlib
import json
import math
import pathlib
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

HERE = pathlib.Path(__file__).parent
STEPS = 64
SAMPLES = 3072
TINY_LAST = 2


class Decoder:
    def __init__(self, path):
        reader = GGUFReader(path)
        self.arch = reader.fields["general.architecture"].contents()
        self.meta = {key: f.contents() for key, f in reader.fields.items() if key.startswith(self.arch + ".")}
        self.w = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
        self.gemma = self.arch == "gemma3"
        self.layers = self.field("block_count")
        self.heads = self.field("attention.head_count")
        self.kv_heads = self.field("attention.head_count_kv", self.heads)
        self.eps = np.float32(self.field("attention.layer_norm_rms_epsilon"))
        self.hidden = self.field("embedding_length")
        self.dim = self.field("attention.key_length", self.hidden // self.heads)
        # The published configurations scale queries by head_dim, but the largest Gemma 3's by hidden / heads (168).
        wide = self.gemma and self.layers == 62
        self.scale = 1 / math.sqrt(self.hidden // self.heads if wide else self.dim)
        self.head = self.w.get("output.weight", self.w["token_embd.weight"])
        self.window = self.field("attention.sliding_window", 0)
        self.period = self.field("attention.sliding_window_pattern", 6)
        self.freq = self.frequencies(self.field("rope.freq_base"), True)
        self.local_freq = self.frequencies(10000.0, False)
        self.forget()

    def field(self, name, default=None):
        value = self.meta.get(f"{self.arch}.{name}", default)
        if value is None:
            raise KeyError(name)
        return value

    def frequencies(self, base, scaled):
        pairs = np.arange(self.dim // 2, dtype=np.float64)
        freq = base ** (-2 * pairs / self.dim)
        kind = self.field("rope.scaling.type", "none") if scaled else "none"
        factor = self.field("rope.scaling.factor", 1.0)
        if kind == "linear":
            freq = freq / factor
        elif kind == "yarn":
            # Peng et al. 2023, section 3.2 and the published code: wavelengths are compared with the original context.
            original = self.field("rope.scaling.original_context_length")

            def pair_with(turns):
                return self.dim / 2 * math.log(original / (2 * math.pi * turns)) / math.log(base)

            low = max(math.floor(pair_with(self.field("rope.scaling.yarn_beta_fast", 32.0))), 0)
            high = min(math.ceil(pair_with(self.field("rope.scaling.yarn_beta_slow", 1.0))), self.dim - 1)
            ramp = np.clip((pairs - low) / max(high - low, 0.001), 0, 1)
            freq = freq * (1 - ramp) + freq / factor * ramp
            # Queries and keys are both multiplied by this; `mscale_all_dim` takes some or all of it back.
            mscale = lambda times: 0.1 * times * math.log(factor) + 1
            self.scale *= (mscale(1) / mscale(self.field("rope.scaling.yarn_log_multiplier", 0))) ** 2
        if scaled and "rope_freqs.weight" in self.w:
            freq = freq / self.w["rope_freqs.weight"]
        return freq

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name + ".weight"]

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def turn(self, x, start, freq):
        """x is [tokens, heads, dim]. The llama architectures' rows are permuted so that neighbours turn together."""
        angle = (start + np.arange(len(x)))[:, None, None] * freq
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        out = np.empty_like(x)
        neighbours = self.arch in ("llama", "mistral3")
        half = self.dim // 2
        first, second = (np.s_[..., 0::2], np.s_[..., 1::2]) if neighbours else (np.s_[..., :half], np.s_[..., half:])
        out[first] = x[first] * cos - x[second] * sin
        out[second] = x[first] * sin + x[second] * cos
        return out

    def attend(self, q, k, v, start, local):
        out = np.empty_like(q)
        last = start + np.arange(len(q))[:, None]
        position = np.arange(len(k))[None, :]
        hidden = position > last
        if local:
            hidden |= last - position >= self.window
        for head in range(self.heads):
            group = head // (self.heads // self.kv_heads)
            scores = q[:, head] @ k[:, group].T * np.float32(self.scale)
            scores = np.where(hidden, np.float32(-np.inf), scores)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            out[:, head] = (scores / scores.sum(-1, keepdims=True)) @ v[:, group]
        return out

    def attention(self, i, h, start):
        block = f"blk.{i}."
        local = self.window > 0 and (i + 1) % self.period != 0
        freq = self.local_freq if local else self.freq
        q, k, v = (
            self.linear(h, block + part).reshape(len(h), heads, self.dim)
            for part, heads in (("attn_q", self.heads), ("attn_k", self.kv_heads), ("attn_v", self.kv_heads))
        )
        if block + "attn_q_norm.weight" in self.w:
            q, k = self.norm(q, block + "attn_q_norm"), self.norm(k, block + "attn_k_norm")
        self.keys[i] = np.concatenate([self.keys[i], self.turn(k, start, freq)])
        self.values[i] = np.concatenate([self.values[i], v])
        a = self.attend(self.turn(q, start, freq), self.keys[i], self.values[i], start, local)
        return self.linear(a.reshape(len(h), -1), block + "attn_output")

    def mlp(self, i, h):
        gate, up = self.linear(h, f"blk.{i}.ffn_gate"), self.linear(h, f"blk.{i}.ffn_up")
        if self.gemma:
            gate = gate / 2 * (1 + np.tanh(np.sqrt(np.float32(2 / math.pi)) * (gate + np.float32(0.044715) * gate**3)))
        else:
            gate = gate / (1 + np.exp(-gate))
        return self.linear(gate * up, f"blk.{i}.ffn_down")

    def forward(self, ids, last=1):
        """Logits after the last of ids, which continue what was given before; of the last so many where asked."""
        x = self.w["token_embd.weight"][ids]
        if self.gemma:
            x = x * np.float32(math.sqrt(self.hidden))
        start = len(self.keys[0])
        for i in range(self.layers):
            added = self.attention(i, self.norm(x, f"blk.{i}.attn_norm"), start)
            x = x + (self.norm(added, f"blk.{i}.post_attention_norm") if self.gemma else added)
            added = self.mlp(i, self.norm(x, f"blk.{i}.ffn_norm"))
            x = x + (self.norm(added, f"blk.{i}.post_ffw_norm") if self.gemma else added)
        logits = self.norm(x[-last:], "output_norm") @ self.head.T
        return logits if last > 1 else logits[0]

    def forget(self):
        self.keys = [np.zeros((0, self.kv_heads, self.dim), np.float32) for _ in range(self.layers)]
        self.values = list(self.keys)


def rounded(numbers):
    return [round(float(number), 5) for number in numbers]


def write(path, golden):
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path, len(golden["prompt"]), "tokens", file=sys.stderr)


def tiny(paths):
    for path in map(pathlib.Path, paths):
        model = Decoder(path)
        prompt = [3 + (i * 37 + i * i) % 250 for i in range(75)]
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        logits = [rounded(row) for row in model.forward(prompt, TINY_LAST)]
        write(HERE / "tiny" / f"{path.stem}.json", {"sha256": sha256, "prompt": prompt, "logits": logits})


def real(path, folder):
    model = Decoder(path)
    for name, prompt in json.loads((folder / "prompts.json").read_text()).items():
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
            "sample": rounded(first[:: -(-len(first) // SAMPLES)]),
        }
        write(folder / f"{name}.json", golden)


if sys.argv[1] == "--tiny":
    tiny(sys.argv[2:])
else:
    real(sys.argv[1], pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE)
