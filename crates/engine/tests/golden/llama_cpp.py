#!/usr/bin/env python3
"""What llama.cpp answers to the same prompts: python3 llama_cpp.py LLAMA_SERVER MODEL.gguf [FOLDER]

Starts the server, asks for one greedy token at a time (so that an end-of-turn token does not end the answer), and writes
llama_cpp.json: for each prompt 64 greedy ids, and at each step the ten likeliest ids with their log-probabilities.
Standard library only.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
STEPS = 64
PORT = 18613


def post(body, path="completion"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    return json.load(urllib.request.urlopen(request, timeout=600))


def wait():
    for _ in range(240):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the server did not start")


@contextlib.contextmanager
def server(binary, model, context):
    args = ["-m", model, "--port", str(PORT), "-t", "2", "-c", str(context), "-np", "1", "--no-warmup"]
    process = subprocess.Popen([binary, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait()
        yield
    finally:
        process.terminate()
        process.wait()


def main():
    binary, model = sys.argv[1:3]
    folder = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else HERE
    with server(binary, model, 2048):
        out = {}
        for name, prompt in json.loads((folder / "prompts.json").read_text()).items():
            ids, top = [], []
            for _ in range(STEPS):
                body = {"prompt": prompt + ids, "n_predict": 1, "temperature": 0, "n_probs": 10, "cache_prompt": True}
                step = post(body)["completion_probabilities"][0]["top_logprobs"]
                top.append([[entry["id"], round(entry["logprob"], 5)] for entry in step])
                ids.append(step[0]["id"])
            out[name] = {"greedy": ids, "top": top}
            print(name, ids[:8], file=sys.stderr)
        (folder / "llama_cpp.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
