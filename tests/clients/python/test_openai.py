"""The official Python client in strict validation. The address and keys come from the environment."""

import json
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


def scores():
    """Every token with its score, whole and streamed, and a prompt read back."""
    asked = dict(model=MODEL, messages=QUESTION, max_tokens=12, temperature=0, logprobs=True, top_logprobs=3)
    answer = client.chat.completions.create(**asked).choices[0]
    told = answer.logprobs.content
    assert bytes(byte for token in told for byte in token.bytes).decode() == answer.message.content
    for token in told:
        assert len(token.top_logprobs) == 3 and token.logprob <= 0
        assert token.logprob == token.top_logprobs[0].logprob, "greedy is the likeliest"
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]
    streamed = [token for chunk in chunks if chunk.logprobs for token in chunk.logprobs.content]
    assert streamed == told

    text = client.completions.create(model=MODEL, prompt="A tulip is", max_tokens=8, temperature=0, logprobs=1)
    said = text.choices[0]
    assert "".join(said.logprobs.tokens) == said.text
    # The first token of what is read back has no score, in OpenAI's own answers too; the client's types know only numbers.
    back = openai.OpenAI().completions.create(
        model=MODEL, prompt="A tulip is" + said.text, max_tokens=0, temperature=0, logprobs=1, echo=True
    ).choices[0]
    assert back.text == "A tulip is" + said.text and back.logprobs.token_logprobs[0] is None
    count = len(said.logprobs.tokens)
    assert back.logprobs.tokens[-count:] == said.logprobs.tokens
    assert back.logprobs.token_logprobs[-count:] == said.logprobs.token_logprobs, "the same to the last bit"
    best = client.completions.create(model=MODEL, prompt="A tulip is", max_tokens=8, n=1, best_of=3, seed=2)
    assert len(best.choices) == 1 and best.usage.completion_tokens > 8


PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Name of a city", "maxLength": 20},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "The weather in a city", "parameters": PARAMETERS, "strict": True}
CLOCK = {"name": "clock", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": CLOCK}]
ASKED = [{"role": "user", "content": "What is the weather in Utrecht?"}]


def is_weather(call):
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "weather" and set(arguments) == {"city", "unit"}, arguments
    assert isinstance(arguments["city"], str) and arguments["unit"] in ("celsius", "fahrenheit"), arguments


def tools():
    named = {"type": "function", "function": {"name": "weather"}}
    request = {"model": MODEL, "messages": ASKED, "tools": TOOLS, "max_tokens": 96, "temperature": 0}
    choice = client.chat.completions.create(**request, tool_choice=named).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None, choice
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_")
    is_weather(call)

    chunks = list(client.chat.completions.create(**request, tool_choice=named, stream=True))
    deltas = [delta for chunk in chunks for delta in chunk.choices[0].delta.tool_calls or []]
    assert deltas[0].id.startswith("call_") and deltas[0].function.name == "weather" and deltas[0].index == 0
    assert "".join(delta.function.arguments for delta in deltas) == call.function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"

    with client.chat.completions.stream(**request, tool_choice=named) as stream:
        for _ in stream:
            pass
        is_weather(stream.get_final_completion().choices[0].message.tool_calls[0])

    required = client.chat.completions.create(**request, tool_choice="required", parallel_tool_calls=False).choices[0]
    assert len(required.message.tool_calls) == 1 and required.message.tool_calls[0].function.name in ("weather", "clock")

    result = {"role": "tool", "tool_call_id": call.id, "content": "Rain, 12 degrees."}
    answer = client.chat.completions.create(
        **{**request, "messages": [*ASKED, choice.message, result], "tool_choice": "none", "max_tokens": 16}
    ).choices[0]
    assert answer.message.content and not answer.message.tool_calls and answer.finish_reason in ("stop", "length")


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
scores()
tools()
models()
errors()
print(f"openai {openai.__version__} for Python: chat, streams, completions, scores, tools, models, errors")
