#!/usr/bin/env python3
"""Prompts that a fact must be recalled from, and llama.cpp's answers: python3 recall.py LLAMA_SERVER SMOLLM2.gguf

Writes recall.json: the sentence that filler is drawn from, the facts, where they are planted, and for each prompt its hash
and what llama.cpp answers greedily to each question, with the least that a token of the answer is likelier than any other
(in logits). Fails where llama.cpp does not recall a fact: then the expectation is no fair one. Standard library only.
"""

import hashlib
import json
import sys

from llama_cpp import HERE, post, server

FACTS = [
    ("The secret ingredient of Baker Oduya is the", " smoked paprika"),
    ("The unusual pet of Sister Agatha is the", " tame otter"),
    ("The password of Professor Lindqvist is", " 90576"),
]
# Tokens, and where the three facts follow: before the first sentence of filler that would begin there or later. At 8,000
# tokens llama.cpp does not recall what lies in the first tenth.
PROMPTS = [(4000, [200, 1600, 3200]), (8050, [2800, 4800, 6800])]

TIMES = " morning evening winter summer autumn night"
KINDS = " old quiet bright small green heavy narrow famous distant simple gentle broken"
THINGS = (
    " river garden window market forest teacher village engine letter harbor mountain kitchen bridge painter doctor farmer"
    " island castle station library"
)
DEEDS = " crossed watched followed reached left passed found remembered"
SENTENCE = [" In", " the", TIMES, " the", KINDS, THINGS, DEEDS, " the", KINDS, THINGS, " near", " the", THINGS, "."]


def tokenize(text):
    return post({"content": text, "add_special": False}, "tokenize")["tokens"]


def word(text):
    (token,) = tokenize(text)
    return token


def prompt(length, places, sentence, facts):
    """Sentences with words drawn by a linear congruential generator (Knuth's MMIX), and the facts among them."""
    state, tokens, planted = length, [], 0
    while len(tokens) < length:
        if planted < len(places) and len(tokens) >= places[planted]:
            tokens += facts[planted]["statement"]
            planted += 1
        for words in sentence:
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            tokens.append(words[(state >> 33) % len(words)])
    return tokens


def ask(tokens, answer):
    """The greedy answer, and by how much its most doubtful token was ahead."""
    body = {"prompt": tokens, "n_predict": len(answer), "temperature": 0, "n_probs": 2, "cache_prompt": True}
    steps = [step["top_logprobs"] for step in post(body)["completion_probabilities"]]
    greedy = [first["id"] for first, _ in steps]
    lead = min(first["logprob"] - second["logprob"] for first, second in steps)
    print(len(tokens), greedy, "lead", round(lead, 3), file=sys.stderr)
    if greedy != answer:
        raise SystemExit(f"llama.cpp does not recall {answer}")
    return {"greedy": greedy, "lead": round(lead, 3)}


def main():
    with server(*sys.argv[1:3], 8192):
        words = [[" " + word for word in slot.split()] if len(slot.split()) > 1 else [slot] for slot in SENTENCE]
        sentence = [[word(text) for text in slot] for slot in words]
        facts = [
            {
                "statement": tokenize(f" {fact}{answer}. Remember it well: the{fact[3:]}{answer}."),
                "question": tokenize(f" {fact}"),
                "answer": tokenize(answer),
            }
            for fact, answer in FACTS
        ]
        prompts = []
        for length, places in PROMPTS:
            tokens = prompt(length, places, sentence, facts)
            raw = b"".join(token.to_bytes(4, "little") for token in tokens)
            llama_cpp = [ask(tokens + fact["question"], fact["answer"]) for fact in facts]
            sha256 = hashlib.sha256(raw).hexdigest()
            prompts.append({"length": length, "places": places, "sha256": sha256, "llama_cpp": llama_cpp})
    out = {"sentence": sentence, "facts": facts, "prompts": prompts}
    (HERE / "recall.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
