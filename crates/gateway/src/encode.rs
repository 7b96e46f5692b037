//! Cleared → Prompts: the pinned chat template and the tokenizer. From here on there is no text of the caller.

use engine::SamplingParams;
use tokenizer::ChatMessage;
use zeroize::Zeroizing;

use crate::clear::Cleared;
use crate::endpoint::EndpointId;
use crate::notice;
use crate::refusal::{Bound, Refusal};
use crate::request::{Input, Params, Role};
use crate::serving::Serving;
use crate::thoughts::{Budget, Thinking};
use crate::tools::{ToolFormat, Tools, section};

/// Token ids of every prompt, and how many choices each gets. Batches and `n` are one type.
pub(crate) struct Prompts {
    pub(crate) cleared: Cleared,
    pub(crate) token_ids: Vec<Zeroizing<Vec<u32>>>,
    pub(crate) sampling: SamplingParams,
    /// Tokens each choice may have, prompt by prompt.
    pub(crate) max_tokens: Vec<u32>,
    /// The clock the template was given.
    pub(crate) rendered_at_ms: Option<i64>,
    /// How the answer of a model that thinks begins, and how long it may think.
    pub(crate) thinking: Option<Thinking>,
    pub(crate) budget: Option<Budget>,
    _encoded: Encoded,
}

/// What a prompt is to the engine.
type TokenIds = Zeroizing<Vec<u32>>;

/// Held by the last thing this stage makes, and made here alone.
struct Encoded;

/// Renders and encodes. A request that does not fit the context is refused with both numbers, never cut.
/// An answer that is `held` to a form has no room for thoughts.
pub(crate) fn encode(mut cleared: Cleared, held: bool) -> Result<Prompts, Refusal> {
    let (token_ids, rendered_at_ms) = token_ids(&mut cleared, true)?;
    let serving = cleared.entered().serving.clone();
    let params = &cleared.entered().request.params;
    // The other conversations have no place for a thought: there it is text.
    let chat = cleared.entered().request.endpoint == EndpointId::ChatCompletions && !held;
    let thinking = token_ids.first().filter(|_| chat).and_then(|prompt| serving.thinking(prompt));
    let budget =
        params.thinking_tokens.map(|tokens| budget(&serving, thinking, tokens)).transpose()?.flatten();
    let sampling = sampling(params)?;
    let limit = cleared.entered().use_case.limits.tokens_per_request;
    let context_tokens = serving.generator.context_tokens();
    let max_tokens = token_ids
        .iter()
        .map(|ids| max_tokens(ids.len(), params.max_tokens, context_tokens, limit))
        .collect::<Result<_, _>>()?;
    Ok(Prompts {
        cleared,
        token_ids,
        sampling,
        max_tokens,
        rendered_at_ms,
        thinking,
        budget,
        _encoded: Encoded,
    })
}

/// Token ids of every prompt, and the clock that the chat template was given. A plain prompt begins with the model's opening
/// token where `opening` says so and the model wants one.
pub(crate) fn token_ids(
    cleared: &mut Cleared,
    opening: bool,
) -> Result<(Vec<TokenIds>, Option<i64>), Refusal> {
    let serving = cleared.entered().serving.clone();
    let rendered_at_ms = cleared.entered().now_ms;
    let input = cleared.take_input();
    Ok(match input {
        Input::Chat(messages) => {
            let mut messages = serving.tool_format().messages(messages);
            let tools = cleared.tools().filter(|tools| tools.offered());
            let ids = render(&serving, &mut messages, tools, cleared.placeholder(), rendered_at_ms);
            wipe(messages);
            (vec![ids?], Some(rendered_at_ms))
        }
        Input::Text(prompts) => {
            let encode = |prompt: &Zeroizing<String>| serving.encode_text(prompt, opening);
            (prompts.iter().map(encode).collect::<Result<_, _>>()?, None)
        }
        Input::Tokens(prompts) => (prompts, None),
    })
}

/// What ends a thought in time. Where there will be none, none is also what it may take at most; any other number would mislead.
fn budget(serving: &Serving, thinking: Option<Thinking>, tokens: u32) -> Result<Option<Budget>, Refusal> {
    let refuse = |reason: &str| Refusal::Invalid {
        field: "thinking_token_budget".to_owned(),
        reason: reason.to_owned(),
    };
    match thinking {
        None if tokens == 0 => Ok(None),
        None => Err(refuse(
            "is for chats with a model that thinks, whose answer is held to no form; leave it out",
        )),
        Some(thinking) => Budget::new(&serving.tokenizer, thinking, tokens)
            .map(Some)
            .ok_or_else(|| refuse("needs a model with a token for the end of a thought; leave it out")),
    }
}

/// Renders a conversation, with a word on placeholders where it holds any, and on tools where the template has none.
fn render(
    serving: &Serving,
    messages: &mut Vec<ChatMessage>,
    tools: Option<&Tools>,
    placeholder: Option<&str>,
    now_ms: i64,
) -> Result<Zeroizing<Vec<u32>>, Refusal> {
    let in_words = serving.tool_format() == ToolFormat::Plain;
    let list = tools.filter(|_| !in_words).map(Tools::list);
    let tools = tools.filter(|_| in_words).map(|tools| section(tools, messages));
    let notice = placeholder.map(|placeholder| notice::text(messages, placeholder));
    let notice = [tools, notice].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    if notice.is_empty() {
        return serving.render(messages, list.as_ref(), now_ms);
    }
    let instructed = messages.first().is_some_and(|first| first.role == Role::System.as_str());
    notice::in_instructions(messages, &notice);
    match serving.render(messages, list.as_ref(), now_ms) {
        // Some templates know no instructions of an application.
        Err(_) if !instructed => {
            messages.remove(0);
            notice::in_first_message(messages, &notice);
            serving.render(messages, list.as_ref(), now_ms)
        }
        rendered => rendered,
    }
}

fn wipe(messages: Vec<ChatMessage>) {
    for message in messages {
        drop(Zeroizing::new(message.content));
    }
}

/// What each choice may generate. Without a wish it is what the context and the use case leave over.
fn max_tokens(prompt: usize, wish: Option<u32>, context: usize, limit: u64) -> Result<u32, Refusal> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = u32::try_from(context.min(limit).saturating_sub(prompt)).unwrap_or(u32::MAX);
    let overflow = |max_tokens| Refusal::ContextOverflow {
        prompt_tokens: prompt,
        max_tokens,
        context_tokens: context.min(limit),
        bound: if limit < context { Bound::UseCase } else { Bound::Context },
    };
    match wish {
        Some(wish) if wish > room => Err(overflow(wish)),
        Some(wish) => Ok(wish),
        None if room == 0 => Err(overflow(1)),
        None => Ok(room),
    }
}

/// The wish made definite. Ratios are rounded to thousandths, because that is what the log records and so what an
/// auditor can replay; a seed is drawn when none was given.
fn sampling(params: &Params) -> Result<SamplingParams, Refusal> {
    let milli = |value: f32| (value * 1000.0).round() / 1000.0;
    let seed = match params.seed {
        Some(seed) => seed,
        None => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).map_err(|_| Refusal::closed("the system gives no random bytes"))?;
            u64::from_le_bytes(bytes)
        }
    };
    Ok(SamplingParams {
        temperature: milli(params.temperature.unwrap_or(1.0)),
        top_k: params.top_k.unwrap_or(0),
        top_p: milli(params.top_p.unwrap_or(1.0)),
        min_p: milli(params.min_p.unwrap_or(0.0)),
        repetition_penalty: milli(params.repetition_penalty.unwrap_or(1.0)),
        presence_penalty: milli(params.presence_penalty.unwrap_or(0.0)),
        frequency_penalty: milli(params.frequency_penalty.unwrap_or(0.0)),
        seed,
        logit_bias: params.logit_bias.clone(),
        // What the best are chosen by.
        logprobs: params.logprobs.or((params.made() > params.n).then_some(0)),
        // An engine that is to generate nothing scores the prompt.
        prompt_logprobs: match params.echo {
            true => params.logprobs.or((params.max_tokens == Some(0)).then_some(0)),
            false => None,
        },
    })
}

/// The seed of one choice: the request's own for the first, then counted on, so that `n` choices differ and each
/// can be replayed alone.
pub(crate) fn choice_seed(seed: u64, choice: usize) -> u64 {
    seed.wrapping_add(choice as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        assert_eq!(max_tokens(10, None, 100, 1000).unwrap(), 90);
        assert_eq!(max_tokens(10, Some(90), 100, 1000).unwrap(), 90);
        assert_eq!(max_tokens(10, None, 100, 50).unwrap(), 40);
        for (prompt, wish) in [(10, Some(91)), (100, None), (101, Some(1))] {
            let Err(Refusal::ContextOverflow {
                prompt_tokens,
                max_tokens,
                context_tokens,
                bound: Bound::Context,
            }) = max_tokens(prompt, wish, 100, 1000)
            else {
                panic!("fitted");
            };
            assert_eq!((prompt_tokens, max_tokens, context_tokens), (prompt, wish.unwrap_or(1), 100));
        }
    }

    #[test]
    fn sampling_is_what_the_log_can_say() {
        let params = Params { temperature: Some(0.70049), seed: Some(7), ..Params::default() };
        let sampling = sampling(&params).unwrap();
        assert_eq!(sampling.temperature, 0.7);
        assert_eq!(sampling.seed, 7);
        assert_ne!(
            super::sampling(&Params::default()).unwrap().seed,
            super::sampling(&Params::default()).unwrap().seed
        );
    }
}
