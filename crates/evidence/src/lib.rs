#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answers;
mod bom;
mod bundle;
mod cards;
mod dossier;
mod error;
mod html;
mod lesson;
mod monthly;
mod purl;
mod register;
mod similar;
mod subject;
mod terms;
mod veil;
mod words;

pub use answers::Answers;
pub use bom::ml_bom;
pub use bundle::{BUNDLE_BYTES_MAX, Bundle};
pub use cards::{AssessmentKind, assessment_card, model_card, system_card};
pub use dossier::dossier;
pub use error::Error;
pub use lesson::{
    Lesson, LessonAdvice, LessonAssessment, LessonCondition, LessonDecision, LessonEvaluation, LessonModel,
    LessonSupplier,
};
pub use monthly::{CaseMonth, Day, LogRead, Month, monthly, percentile};
pub use policy::Accountability;
pub use register::{PublicationCategory, register_entry};
pub use similar::{Likeness, rank};
pub use subject::{Condition, ConditionState, NamedModel, Step, Subject, Totals};
