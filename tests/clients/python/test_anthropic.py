"""Anthropic's official Python client in strict validation. The address and the key come from the environment."""

import os

import anthropic

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of the Netherlands?"}]
TOOLS = [
    {
        "name": "weather",
        "description": "The weather of a city.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Utrecht", "Delft"]}},
            "required": ["city"],
        },
    }
]

sent = []
client = anthropic.Anthropic(
    _strict_response_validation=True,
    http_client=anthropic.DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.url.path)]}),
)


def message(**more):
    return {"model": MODEL, "max_tokens": 16, "messages": QUESTION, "extra_body": {"temperature": 0}, **more}


def whole():
    answer = client.messages.create(**message(system="Be short."))
    assert answer.type == "message" and answer.role == "assistant" and answer.model == MODEL
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.usage.output_tokens > 0
    assert answer.model_extra["proeftuin"]["receipt"]["leaves"]
    counted = client.messages.count_tokens(model=MODEL, messages=QUESTION, system="Be short.")
    assert counted.input_tokens == answer.usage.input_tokens
    return answer.content[0].text


def streamed(expected):
    events = list(client.messages.create(**message(system="Be short."), stream=True))
    assert [event.type for event in events][0] == "message_start" and events[-1].type == "message_stop"
    assert events[-1].model_extra["proeftuin"]["receipt"]["id"]
    with client.messages.stream(**message(system="Be short.")) as stream:
        assert "".join(stream.text_stream) == expected
        assert stream.get_final_message().content[0].text == expected


def blocks_and_stop_sequences():
    blocks = [{"type": "text", "text": "Say the word"}, {"type": "text", "text": "tulip, then the word rose."}]
    asked = message(messages=[{"role": "user", "content": blocks}], max_tokens=48)
    text = client.messages.create(**asked).content[0].text
    middle = text[len(text) // 2 : len(text) // 2 + 2]
    answer = client.messages.create(**asked, stop_sequences=["never said", middle])
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == middle, answer
    assert middle not in "".join(block.text for block in answer.content)


def tools():
    asked = message(tools=TOOLS, tool_choice={"type": "tool", "name": "weather"}, max_tokens=64)
    answer = client.messages.create(**asked)
    used = answer.content[-1]
    assert answer.stop_reason == "tool_use" and used.type == "tool_use" and used.input["city"] in ("Utrecht", "Delft")
    with client.messages.stream(**asked) as stream:
        assert stream.get_final_message().content[-1].input == used.input
    result = {"type": "tool_result", "tool_use_id": used.id, "content": "Rain, 12 degrees."}
    turns = [*QUESTION, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    after = client.messages.create(**message(messages=turns, tools=TOOLS, tool_choice={"type": "none"}))
    assert after.content[0].type == "text"


def errors():
    def refused(kind, by=client, **more):
        """The error a request ends with, after exactly one attempt."""
        sent.clear()
        try:
            by.messages.create(**message(**more))
        except kind as error:
            assert type(error) is kind, error
            assert len(sent) == 1, f"{len(sent)} attempts"
            assert error.body["type"] == "error"
            return error.body["error"]
        raise AssertionError(f"no {kind.__name__}")

    error = refused(anthropic.PermissionDeniedError, model="another-model")
    assert error["type"] == "permission_error" and error["code"] == "model-not-allowed" and error["receipt"]
    wrong = client.with_options(api_key="ptk_wrong")
    assert refused(anthropic.AuthenticationError, by=wrong)["type"] == "authentication_error"
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    error = refused(anthropic.BadRequestError, messages=[{"role": "user", "content": [image]}])
    assert error["param"] == "messages[0].content[0].type", error
    assert refused(anthropic.BadRequestError, max_tokens=20_000)["code"] == "context_length_exceeded"


# The key in `Authorization`, as the client sends a token, opens the same.
assert anthropic.Anthropic(api_key=None, auth_token=os.environ["ANTHROPIC_API_KEY"]).messages.create(**message())
text = whole()
streamed(text)
blocks_and_stop_sequences()
tools()
errors()
print("the official client of Anthropic has what it expects")
