use super::{Candidate, Recognizer, Scan};
use crate::cues::Cues;
use crate::{Error, Kind};
pub(crate) struct Postcode(Cues);
impl Postcode { pub(crate) fn new() -> Result<Self, Error> { Ok(Self(Cues::new(&[], &[])?)) } }
impl Recognizer for Postcode {
    fn kind(&self) -> Kind { Kind::Postcode }
    fn version(&self) -> u32 { 0 }
    fn cues(&self) -> &Cues { &self.0 }
    fn candidates(&self, _: &Scan<'_>, _: &mut dyn FnMut(Candidate)) {}
}
