"""OpenAI's official Python client in strict validation, for responses. The address and the key come from the environment."""

import json

import openai

MODEL = "smollm2-135m-instruct"
QUESTION = "What is the capital of the Netherlands?"
TOOLS = [
    {
        "type": "function",
        "name": "weather",
        "description": "The weather of a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Utrecht", "Delft"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    }
]

client = openai.OpenAI(_strict_response_validation=True)


def asked(**more):
    return {"model": MODEL, "input": QUESTION, "max_output_tokens": 16, "temperature": 0, **more}


def whole():
    answer = client.responses.create(**asked(instructions="Be short."))
    assert answer.object == "response" and answer.model == MODEL and answer.output_text
    assert answer.status in ("completed", "incomplete") and answer.store is False
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.model_extra["proeftuin"]["receipt"]["leaves"]
    return answer.output_text


def streamed(expected):
    events = list(client.responses.create(**asked(instructions="Be short.", stream=True)))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type in ("response.completed", "response.incomplete")
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == expected
    assert events[-1].response.output_text == expected
    with client.responses.stream(**asked(instructions="Be short.")) as stream:
        for _ in stream:
            pass
        if events[-1].type == "response.completed":
            assert stream.get_final_response().output_text == expected


def functions():
    request = asked(tools=TOOLS, tool_choice={"type": "function", "name": "weather"}, max_output_tokens=64)
    answer = client.responses.create(**request)
    call = answer.output[-1]
    assert call.type == "function_call" and json.loads(call.arguments)["city"] in ("Utrecht", "Delft")
    events = list(client.responses.create(**request, stream=True))
    assert "".join(e.delta for e in events if e.type == "response.function_call_arguments.delta") == call.arguments
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain, 12 degrees."}
    turns = [{"role": "user", "content": QUESTION}, *answer.output, result]
    after = client.responses.create(**asked(input=turns, tools=TOOLS, tool_choice="none"))
    assert after.output_text


def formats():
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Amsterdam", "Utrecht"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    text = {"format": {"type": "json_schema", "name": "capital", "schema": schema, "strict": True}}
    answer = client.responses.create(**asked(text=text, max_output_tokens=64))
    assert json.loads(answer.output_text)["city"] in ("Amsterdam", "Utrecht")


def refused(said, **more):
    try:
        client.responses.create(**asked(**more))
    except openai.BadRequestError as error:
        assert said in str(error), error
        return
    raise AssertionError("taken")


text = whole()
streamed(text)
functions()
formats()
refused("keeps no responses", store=True)
refused("keeps nothing", previous_response_id="resp_1")
refused("function", tools=[{"type": "web_search"}])
print("the official client of OpenAI has the responses that it expects")
