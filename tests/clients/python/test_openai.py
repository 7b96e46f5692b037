"""The official Python client in strict validation. The address and keys come from the environment."""

import os

import openai

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of the Netherlands?"}]

sent = []
client = openai.OpenAI(
    _strict_response_validation=True,
    http_client=openai.DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.url.path)]}),
)


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=16, temperature=0)
    assert answer.object == "chat.completion" and answer.model == MODEL
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    # What OpenAI's shape has no field for is there all the same.
    assert answer.model_extra["proeftuin"]["receipt"]["leaves"]
    return answer.choices[0].message.content


def chat_streamed(expected):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        max_tokens=16,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == expected, (text, expected)
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
    assert chunks[-1].model_extra["proeftuin"]["receipt"]["id"]


def chat_with_the_streaming_helper(expected):
    with client.chat.completions.stream(model=MODEL, messages=QUESTION, max_tokens=16, temperature=0) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == expected


def a_conversation_goes_on(answer):
    reply = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Answer in one word."},
            *QUESTION,
            {"role": "assistant", "content": answer},
            {"role": "user", "content": [{"type": "text", "text": "And of Belgium?"}]},
        ],
        max_completion_tokens=8,
        n=2,
        seed=1,
    )
    assert [choice.index for choice in reply.choices] == [0, 1]


def completions():
    answer = client.completions.create(model=MODEL, prompt="A tulip is", max_tokens=8, temperature=0)
    assert answer.object == "text_completion" and answer.choices[0].text
    # The client's type has no null finish_reason here, although that is what the API sends before the last chunk.
    lenient = openai.OpenAI()
    stream = lenient.completions.create(model=MODEL, prompt="A tulip is", max_tokens=8, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == answer.choices[0].text


def models():
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "proeftuin"


def errors():
    def refused(kind, key=None, **request):
        """The error a request ends with, after exactly one attempt."""
        sent.clear()
        caller = client if key is None else client.with_options(api_key=key)
        try:
            caller.chat.completions.create(**{"model": MODEL, "messages": QUESTION, "max_tokens": 4, **request})
        except kind as error:
            assert type(error) is kind, error
            assert len(sent) == 1, f"{len(sent)} attempts"
            return error
        raise AssertionError(f"no {kind.__name__}")

    error = refused(openai.PermissionDeniedError, model="another-model")
    assert error.status_code == 403 and error.code == "model-not-allowed"
    assert error.body["remedy_nl"] and error.response.headers["x-proeftuin-receipt"] == error.body["receipt"]
    error = refused(openai.AuthenticationError, key="ptk_wrong")
    assert error.status_code == 401 and error.code == "unknown-key"
    personal = [{"role": "user", "content": "Mijn BSN is 111222333."}]
    error = refused(openai.PermissionDeniedError, key=os.environ["DEMO_KEY"], messages=personal)
    assert "111222333" not in str(error)
    error = refused(openai.BadRequestError, extra_body={"temprature": 1})
    assert error.param == "temprature"
    error = refused(openai.BadRequestError, max_tokens=8192)
    assert error.code == "context_length_exceeded"
    sent.clear()
    try:
        client.models.retrieve("another-model")
        raise AssertionError("found")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and len(sent) == 1


answer = chat()
chat_streamed(answer)
chat_with_the_streaming_helper(answer)
a_conversation_goes_on(answer)
completions()
models()
errors()
print(f"openai {openai.__version__} for Python: chat, streams, completions, models, errors")
