//! What can go wrong here. No message carries text of a prompt or a completion.

/// Why a vocabulary, a template or a text was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `tokenizer.ggml.model` names an algorithm this crate does not have.
    #[error(
        "tokenizer model \"{model}\" is not supported (known: gpt2, llama); use a file with one of these, or a tokenizer.json"
    )]
    UnknownModel {
        /// The name found in the file, shortened and made printable.
        model: String,
    },
    /// `tokenizer.ggml.pre` names a pre-tokenizer this crate does not have.
    #[error(
        "pre-tokenizer \"{pre}\" is not known, and guessing would give the model wrong ids; add it to the table of pre-tokenizers with golden ids, or use a tokenizer.json"
    )]
    UnknownPreTokenizer {
        /// The name found in the file, shortened and made printable.
        pre: String,
    },
    /// The vocabulary contradicts itself.
    #[error("vocabulary: {what}")]
    Vocabulary {
        /// What was wrong and where.
        what: String,
    },
    /// `tokenizer.json` could not be used.
    #[error("tokenizer.json: {what}")]
    Json {
        /// What was wrong and where; from the tokenizer's file, never from a prompt.
        what: String,
    },
    /// The text could not be encoded (for instance a pattern that gave up).
    #[error("text of {bytes} bytes could not be encoded: {what}")]
    Encode {
        /// Length of the text.
        bytes: usize,
        /// Which step gave up.
        what: &'static str,
    },
    /// An encoder's token does not stand for whole characters of the text.
    #[error(
        "a token does not stand for whole characters of its text; nothing can be cut by it: use another tokenizer.json"
    )]
    Offsets,
    /// A token id outside the vocabulary.
    #[error("token id {id} is outside the vocabulary of {vocab_len} tokens")]
    TokenId {
        /// The id.
        id: u32,
        /// How many tokens there are.
        vocab_len: usize,
    },
    /// The chat template is not a template.
    #[error("chat template, line {line}: {what}")]
    TemplateSyntax {
        /// Line in the template's source, from 1.
        line: usize,
        /// What the engine said about the source.
        what: String,
    },
    /// The template called `raise_exception`.
    #[error("the chat template refused these messages: {message}")]
    TemplateRefused {
        /// The template's own words, where they stand literally in its source; else a sentence saying they are withheld.
        message: String,
    },
    /// The template failed while rendering.
    #[error(
        "chat template, line {line}: {what}; check that the messages have the fields this template needs"
    )]
    TemplateRender {
        /// Line in the template's source, from 1.
        line: usize,
        /// The kind of failure.
        what: String,
    },
    /// The template used more than its share of time or memory.
    #[error("chat template used more than its limit of {limit} ({what})")]
    TemplateLimit {
        /// Which limit: steps, output, or input.
        what: &'static str,
        /// The limit, in the unit `what` names.
        limit: u64,
    },
    /// A message carries a role that is not one of [`crate::ROLES`].
    #[error(
        "message {index} has a role that is not known; use one of system, developer, user, assistant, tool, function"
    )]
    Role {
        /// Position of the message, from 0.
        index: usize,
    },
    /// A JSON schema that no answer can be held to.
    #[error("{}: {what}", place(.pointer))]
    Schema {
        /// Where in the schema, as a JSON pointer (RFC 6901) with what is not plain left out.
        pointer: String,
        /// What is wrong there and what to do.
        what: String,
    },
    /// A grammar, a regular expression or a list of choices that no answer can be held to.
    #[error("{what}")]
    Grammar {
        /// What is wrong and what to do.
        what: String,
    },
    /// A token that the grammar does not allow, or a grammar that became too complex on the way.
    #[error("the grammar could not be followed any further")]
    GrammarState,
    /// A rendered prompt was given to a tokenizer other than the one its template was bound to.
    #[error(
        "the prompt was rendered for another tokenizer; bind the chat template to the tokenizer that encodes it"
    )]
    ForeignRendering,
}

/// A pointer in words.
fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the schema" } else { pointer }
}

/// At most 200 characters of `text`, without control characters: names out of a file may be hostile.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
