"""The official Python client with a token of an identity provider, which opens two use cases. All comes from the environment."""

import os

import openai

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of the Netherlands?"}]


def ask(client):
    return client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=4).choices[0].message.content


# Without a project the client is told to name one, and which there are.
try:
    ask(openai.OpenAI())
    raise SystemExit("let in without a use case")
except openai.PermissionDeniedError as error:
    assert error.code == "token-use-case-ambiguous" and "each-test, pilot-test" in str(error), error

# By argument, and by the environment that official clients read.
assert ask(openai.OpenAI(project="pilot-test"))
os.environ["OPENAI_PROJECT_ID"] = "pilot-test"
assert ask(openai.OpenAI())

try:
    ask(openai.OpenAI(project="bare-test"))
    raise SystemExit("let in where no grant leads")
except openai.PermissionDeniedError as error:
    assert error.code == "token-not-granted", error

# What has ended is not tried again: the client says so at once.
try:
    ask(openai.OpenAI(api_key=os.environ["EXPIRED_TOKEN"]))
    raise SystemExit("let in after the end")
except openai.AuthenticationError as error:
    assert error.code == "token-expired" and error.response.headers["x-should-retry"] == "false", error
print("the official client signs in with a token")
