//! The one endpoint table: what exists, who may call it, and where its text lies.
//!
//! The router mounts exactly these rows, the gate derives its action from them, redaction walks the body by
//! [`Endpoint::text`], and the tests send a canary through every field named here. An endpoint that is not in
//! the table does not exist.

use std::fmt;

/// What an endpoint does, and so which code answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointId {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/messages`: a chat in Anthropic's shape.
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1/responses`: a chat in OpenAI's newer shape, of which nothing is kept.
    Responses,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /tokenize`: the token ids of a prompt or a chat, as the model would be given them.
    Tokenize,
    /// `POST /detokenize`
    Detokenize,
    /// `GET /tokenizer_info`
    TokenizerInfo,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{model}`
    Model,
    /// `GET /v1/proeftuin/guidance`: what the caller has to read, and where they stand.
    Guidance,
    /// `POST /v1/proeftuin/guidance/acknowledge`: that they read it.
    Acknowledge,
    /// `GET /guidance`: a page to do both in a browser.
    GuidancePage,
    /// `GET /openapi.json`: what this table is, to machines.
    OpenApi,
    /// `GET /docs`: the same as a page.
    Docs,
    /// `GET /healthz`: the process lives.
    Health,
    /// `GET /readyz`: the model is loaded and the log is open.
    Ready,
    /// `GET /metrics`: counters without content.
    Metrics,
}

/// The HTTP method of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// Who may call an endpoint at all; what a key may do is the policy's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerClass {
    /// Anybody who reaches the port.
    Anyone,
    /// Peers on the loopback interface.
    Loopback,
    /// The holder of a key.
    KeyHolder,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    /// Which endpoint this is.
    pub id: EndpointId,
    /// Its HTTP method.
    pub method: Method,
    /// Its path; `{model}` matches the rest of the path.
    pub path: &'static str,
    /// Who may call it.
    pub caller: CallerClass,
    /// Body fields that reach the model, as JSON pointers (RFC 6901) in which `*` stands for any index, `**` at the end
    /// for one or more steps, and `**` before the end for any steps but those to values of a JSON schema. They
    /// are rewritten by redaction; every other string and key of the body is scanned and never rewritten.
    pub text: &'static [&'static str],
}

/// Where Anthropic's messages have text.
const MESSAGES_TEXT: &[&str] = &[
    "/system",
    "/system/*/text",
    "/messages/*/content",
    "/messages/*/content/*/text",
    "/messages/*/content/*/input/**",
    "/messages/*/content/*/content",
    "/messages/*/content/*/content/*/text",
    "/tools/*/description",
    "/tools/*/input_schema/**/description",
];

/// Every endpoint of the server.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        id: EndpointId::ChatCompletions,
        method: Method::Post,
        path: "/v1/chat/completions",
        caller: CallerClass::KeyHolder,
        text: &[
            "/messages/*/content",
            "/messages/*/content/*/text",
            "/messages/*/tool_calls/*/function/arguments",
            "/tools/*/function/description",
            "/tools/*/function/parameters/**/description",
        ],
    },
    Endpoint {
        id: EndpointId::Completions,
        method: Method::Post,
        path: "/v1/completions",
        caller: CallerClass::KeyHolder,
        text: &["/prompt", "/prompt/*"],
    },
    Endpoint {
        id: EndpointId::Messages,
        method: Method::Post,
        path: "/v1/messages",
        caller: CallerClass::KeyHolder,
        text: MESSAGES_TEXT,
    },
    Endpoint {
        id: EndpointId::CountTokens,
        method: Method::Post,
        path: "/v1/messages/count_tokens",
        caller: CallerClass::KeyHolder,
        text: MESSAGES_TEXT,
    },
    Endpoint {
        id: EndpointId::Responses,
        method: Method::Post,
        path: "/v1/responses",
        caller: CallerClass::KeyHolder,
        text: &[
            "/instructions",
            "/input",
            "/input/*/content",
            "/input/*/content/*/text",
            "/input/*/arguments",
            "/input/*/output",
            "/input/*/output/*/text",
            "/tools/*/description",
            "/tools/*/parameters/**/description",
        ],
    },
    Endpoint {
        id: EndpointId::Embeddings,
        method: Method::Post,
        path: "/v1/embeddings",
        caller: CallerClass::KeyHolder,
        text: &["/input", "/input/*"],
    },
    Endpoint {
        id: EndpointId::Tokenize,
        method: Method::Post,
        path: "/tokenize",
        caller: CallerClass::KeyHolder,
        text: &[
            "/prompt",
            "/messages/*/content",
            "/messages/*/content/*/text",
            "/messages/*/tool_calls/*/function/arguments",
            "/tools/*/function/description",
            "/tools/*/function/parameters/**/description",
        ],
    },
    Endpoint {
        id: EndpointId::Detokenize,
        method: Method::Post,
        path: "/detokenize",
        caller: CallerClass::KeyHolder,
        text: &[],
    },
    get(EndpointId::TokenizerInfo, "/tokenizer_info", CallerClass::KeyHolder),
    get(EndpointId::Models, "/v1/models", CallerClass::KeyHolder),
    get(EndpointId::Model, "/v1/models/{model}", CallerClass::KeyHolder),
    get(EndpointId::Guidance, "/v1/proeftuin/guidance", CallerClass::KeyHolder),
    Endpoint {
        id: EndpointId::Acknowledge,
        method: Method::Post,
        path: "/v1/proeftuin/guidance/acknowledge",
        caller: CallerClass::KeyHolder,
        text: &[],
    },
    get(EndpointId::GuidancePage, "/guidance", CallerClass::Anyone),
    get(EndpointId::OpenApi, "/openapi.json", CallerClass::Anyone),
    get(EndpointId::Docs, "/docs", CallerClass::Anyone),
    get(EndpointId::Health, "/healthz", CallerClass::Anyone),
    get(EndpointId::Ready, "/readyz", CallerClass::Anyone),
    get(EndpointId::Metrics, "/metrics", CallerClass::Loopback),
];

const fn get(id: EndpointId, path: &'static str, caller: CallerClass) -> Endpoint {
    Endpoint { id, method: Method::Get, path, caller, text: &[] }
}

impl Endpoint {
    /// Whether the string at `pointer` is text that reaches the model.
    #[must_use]
    pub fn is_text(&self, pointer: &str) -> bool {
        self.text.iter().any(|pattern| matches(pattern, pointer))
    }
}

impl EndpointId {
    /// Whether texts become numbers of tokens, or the other way about, and nothing is generated.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::Tokenize | Self::Detokenize)
    }
}

/// The row of `id`.
#[must_use]
pub fn endpoint(id: EndpointId) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|row| row.id == id)
}

/// Keys of a JSON schema whose values are compared with arguments.
const SCHEMA_VALUES: &[&str] = &["enum", "const", "default", "examples"];

fn matches(pattern: &str, pointer: &str) -> bool {
    if let Some(head) = pattern.strip_suffix("/**") {
        let ends = pointer.match_indices('/').map(|(at, _)| at);
        let deep = ends.skip(head.matches('/').count()).find(|&at| at > 0);
        return deep.and_then(|at| pointer.get(..at)).is_some_and(|start| matches(head, start));
    }
    if let Some((head, tail)) = pattern.split_once("/**/") {
        // Where the steps end that `head` and `tail` take up.
        let (from, to) = (head.matches('/').count(), tail.matches('/').count().saturating_add(1));
        let steps: Vec<&str> = pointer.split('/').skip(1).collect();
        let Some(between) = steps.get(from..steps.len().saturating_sub(to).max(from)) else { return false };
        let values = between.iter().any(|step| SCHEMA_VALUES.contains(step));
        let ends = steps.len().saturating_sub(to);
        let part = |range: &[&str]| range.iter().map(|step| format!("/{step}")).collect::<String>();
        return ends >= from
            && !values
            && steps.get(..from).is_some_and(|steps| matches(head, &part(steps)))
            && steps.get(ends..).is_some_and(|steps| matches(&format!("/{tail}"), &part(steps)));
    }
    let (mut wanted, mut given) = (pattern.split('/'), pointer.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("*"), Some(step)) if !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()) => {}
            (Some(want), Some(step)) if want == step => {}
            _ => return false,
        }
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChatCompletions => "chat",
            Self::Completions => "complete",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Responses => "respond",
            Self::Embeddings => "embed",
            Self::Tokenize => "tokenize",
            Self::Detokenize => "detokenize",
            Self::TokenizerInfo => "tokenizer_info",
            Self::Models | Self::Model => "list_models",
            Self::Guidance => "read_guidance",
            Self::Acknowledge => "acknowledge_guidance",
            Self::GuidancePage => "guidance_page",
            Self::OpenApi => "openapi",
            Self::Docs => "docs",
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Metrics => "metrics",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_indices_only() {
        let chat = endpoint(EndpointId::ChatCompletions).unwrap();
        assert!(chat.is_text("/messages/0/content"));
        assert!(chat.is_text("/messages/12/content/3/text"));
        assert!(!chat.is_text("/messages/x/content"));
        assert!(!chat.is_text("/messages/0/content/0"));
        assert!(!chat.is_text("/messages/0/name"));
        assert!(!chat.is_text(""));
        assert!(chat.is_text("/messages/1/tool_calls/0/function/arguments"));
        assert!(!chat.is_text("/messages/1/tool_calls/0/function/name"));
        assert!(chat.is_text("/tools/0/function/description"));
        let parameter = "/tools/0/function/parameters";
        assert!(chat.is_text(&format!("{parameter}/description")));
        assert!(chat.is_text(&format!("{parameter}/properties/a/items/properties/enum_/description")));
        for fixed in
            ["/properties/a/enum/0", "/properties/a/enum/0/description", "/default/description", "/title", ""]
        {
            assert!(!chat.is_text(&format!("{parameter}{fixed}")), "{fixed}");
        }
        assert!(!chat.is_text("/tools/0/function/strict/description"));
        assert!(!chat.is_text("/tools/description"));
        let messages = endpoint(EndpointId::Messages).unwrap();
        let input = "/messages/0/content/1/input";
        assert!(!messages.is_text(input));
        for deep in ["/a", "/enum/0/b", "/0"] {
            assert!(messages.is_text(&format!("{input}{deep}")), "{deep}");
        }
        assert!(!messages.is_text("/messages/0/content/1/id"));
        assert!(!messages.is_text("/messages/0/content/x/input/a"));
    }

    #[test]
    fn every_endpoint_has_one_row_and_a_path_of_its_own() {
        for (i, row) in ENDPOINTS.iter().enumerate() {
            for other in &ENDPOINTS[i + 1..] {
                assert_ne!(row.id, other.id);
                assert!(row.path != other.path || row.method != other.method);
            }
        }
    }
}
