#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod admin;
mod admit;
mod allowance;
mod answer;
mod caller;
mod choice;
mod clear;
mod deny;
mod encode;
mod endpoint;
mod enter;
mod flow;
mod gateway;
mod generate;
mod load;
mod record;
mod refusal;
mod request;
mod serving;
mod stop;
mod strip;

pub use ::engine::{Device, isa};
pub use admin::{AdminCommand, AdminOutcome, KeyRow};
pub use answer::{AnswerEvent, Finish, Usage};
pub use caller::Caller;
pub use endpoint::{CallerClass, ENDPOINTS, Endpoint, EndpointId, Method, endpoint};
pub use flow::Answer;
pub use gateway::{Gateway, Parts};
pub use generate::{Gauge, Generate, Tokens};
pub use load::{EngineSettings, LoadError, LoadReport, load};
pub use provenance::Receipt;
pub use refusal::{Bound, Denied, DeniedKind, Refusal};
pub use request::{GenerationRequest, Input, Message, Origin, Params, Role, Scanned, Trace};
pub use serving::{ModelCard, Serving};
