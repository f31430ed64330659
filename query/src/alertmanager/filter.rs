//! `filter=`, `receiver=` and the flags of lists.

use store::model::{LabelMatcher, MatchOp};

use crate::failure::Failure;
use crate::notify::{AlertStatus, all_match, parse_matcher};
use crate::request::Params;

/// Which alerts a request wants to see.
pub(super) struct Wanted {
    matchers: Vec<LabelMatcher>,
    pub(super) receiver: Option<LabelMatcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
}

impl Wanted {
    pub(super) fn new(params: &Params) -> Result<Self, Failure> {
        let flag = |name: &str| match params.get(name) {
            None | Some("true") | Some("") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Failure::bad(format!("{name}: {other:?} is neither true nor false"))),
        };
        let receiver = match params.get("receiver").filter(|text| !text.is_empty()) {
            Some(text) => Some(
                LabelMatcher::new("receiver", MatchOp::Regex, text)
                    .map_err(|error| Failure::bad(format!("failed to parse receiver param: {error}")))?,
            ),
            None => None,
        };
        Ok(Self {
            matchers: matchers(params)?,
            receiver,
            active: flag("active")?,
            silenced: flag("silenced")?,
            inhibited: flag("inhibited")?,
            muted: flag("muted")?,
        })
    }

    pub(super) fn receives(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|matcher| matcher.matches(name))
    }

    pub(super) fn shows(&self, alert: &AlertStatus) -> bool {
        let quiet = &alert.quiet;
        (self.active || quiet.is_quiet())
            && (self.silenced || quiet.silenced_by.is_empty())
            && (self.inhibited || quiet.inhibited_by.is_empty())
            && (self.muted || quiet.muted_by.is_empty())
            && all_match(&self.matchers, &alert.told.labels)
    }
}

/// Every `filter=`.
pub(super) fn matchers(params: &Params) -> Result<Vec<LabelMatcher>, Failure> {
    let one = |text: &str| {
        parse_matcher(text).map_err(|error| Failure::bad(format!("bad matcher format: {error}")))
    };
    params.all("filter").map(one).collect()
}
