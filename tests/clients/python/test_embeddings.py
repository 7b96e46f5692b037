"""The official Python client in strict validation, for embeddings. The address and the key come from the environment."""

import math

import openai

MODEL = "tiny-vectors"
TEXTS = ["en belt in de", "woont.", "bsn 111222333"]

client = openai.OpenAI(_strict_response_validation=True)


def embed(by=client, **request):
    answer = by.embeddings.create(model=MODEL, **request)
    assert answer.object == "list" and answer.model == MODEL
    assert [item.index for item in answer.data] == list(range(len(answer.data)))
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0
    assert answer.model_extra["proeftuin"]["receipt"]["leaves"]
    return [item.embedding for item in answer.data]


def refused(said, **request):
    try:
        client.embeddings.create(**{"model": MODEL, "input": "en", **request})
    except openai.BadRequestError as error:
        assert said in str(error), error
        return error
    raise AssertionError("taken")


# Unless it is told otherwise the client asks for base64 and reads that; strictly, its own types have no room for what it asks.
packed = embed(openai.OpenAI(), input=TEXTS)
assert [len(vector) for vector in packed] == [16, 16, 16]
assert all(abs(math.hypot(*vector) - 1) < 1e-5 for vector in packed)
plain = embed(input=TEXTS, encoding_format="float", dimensions=16)
for a, b in zip(packed, plain):
    assert all(abs(x - y) < 1e-7 for x, y in zip(a, b))
assert embed(input=TEXTS[0], encoding_format="float")[0] == plain[0]
assert len(embed(input=["en"] * 2048, encoding_format="float")) == 2048

assert refused("token ids", input=[4, 5]).param == "input"
refused("token ids", input=[[4, 5], [6]])
refused("empty", input="")
refused("1 to 2048", input=[])
refused("1 to 2048", input=["en"] * 2049)
refused("vectors of 16", dimensions=8)
assert refused("33 tokens, more than the context of 32", input=["en", "en " * 31]).code == "context_length_exceeded"
refused("encoding_format", encoding_format="int8")
refused("temperature", extra_body={"temperature": 1})
try:
    client.embeddings.create(model="smollm2-135m-instruct", input="en")
    raise AssertionError("taken")
except openai.PermissionDeniedError as error:
    assert error.code.startswith("model-"), error
