// The official JavaScript client. The address and keys come from the environment.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const MODEL = "smollm2-135m-instruct";
const QUESTION = [{ role: "user", content: "What is the capital of the Netherlands?" }];

let attempts = 0;
const counted = (...call) => {
  attempts += 1;
  return fetch(...call);
};
const client = new OpenAI({ fetch: counted });
const stranger = new OpenAI({ fetch: counted, apiKey: "ptk_wrong" });

const asked = { model: MODEL, messages: QUESTION, max_tokens: 16, temperature: 0 };
const whole = await client.chat.completions.create(asked);
assert.equal(whole.object, "chat.completion");
assert.equal(whole.choices[0].message.role, "assistant");
assert.ok(whole.choices[0].message.content.length > 0);
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
assert.equal(whole.proeftuin.receipt.leaves.length, 2);

const stream = await client.chat.completions.create({
  ...asked,
  stream: true,
  stream_options: { include_usage: true },
});
let text = "";
let last;
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta.content ?? "";
  last = chunk;
}
assert.equal(text, whole.choices[0].message.content);
assert.ok(last.usage.completion_tokens > 0);
assert.ok(last.proeftuin.receipt.id);

// The helper checks the order and the completeness of the chunks itself.
const helper = client.chat.completions.stream(asked);
assert.equal(await helper.finalContent(), text);

const prompt = { model: MODEL, prompt: "A tulip is", max_tokens: 8, temperature: 0 };
const completion = await client.completions.create(prompt);
let streamed = "";
for await (const chunk of await client.completions.create({ ...prompt, stream: true })) {
  streamed += chunk.choices[0].text;
}
assert.equal(streamed, completion.choices[0].text);

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);
assert.deepEqual(ids, [MODEL]);

// A client that stops reading ends the request without an error of its own.
const broken = await client.chat.completions.create({ ...asked, max_tokens: 400, stream: true });
for await (const _ of broken) break;

const refused = async (kind, caller, request) => {
  attempts = 0;
  const error = await caller.chat.completions.create({ ...asked, ...request }).then(
    () => assert.fail("answered"),
    (error) => error,
  );
  assert.equal(error.constructor, kind, String(error));
  assert.equal(attempts, 1, "a refusal is not repeated");
  return error;
};
const outside = await refused(OpenAI.PermissionDeniedError, client, { model: "another-model" });
assert.equal(outside.code, "model-not-allowed");
assert.ok(outside.error.remedy_nl);
assert.equal((await refused(OpenAI.AuthenticationError, stranger, {})).code, "unknown-key");
assert.equal((await refused(OpenAI.BadRequestError, client, { temprature: 1 })).param, "temprature");
const long = await refused(OpenAI.BadRequestError, client, { max_tokens: 8192 });
assert.equal(long.code, "context_length_exceeded");

const { version } = JSON.parse(readFileSync(new URL("node_modules/openai/package.json", import.meta.url)));
console.log(`openai ${version} for JavaScript, node ${process.version}: chat, streams, completions, models, errors`);
