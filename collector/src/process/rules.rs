//! Rules: under which conditions a record goes, stays or changes.

use regex::Regex;
use store::model::{OwnedValue, Signal, Stream, Tenant, Value};

/// One rule. Rules run in their order, each on what those before it left.
pub(crate) struct Rule {
    pub name: String,
    /// Whose records it is for; `None`: everybody's.
    pub tenant: Option<String>,
    /// Logs, spans, samples.
    pub signals: [bool; 3],
    /// All must hold; none: it applies to everything.
    pub when: Vec<Condition>,
    pub actions: Vec<Action>,
}

pub(crate) enum Action {
    /// What meets the conditions goes.
    Drop,
    /// What does not meet them goes.
    Keep,
    Edit(Edit),
}

pub(crate) enum Edit {
    Rename {
        from: Place,
        to: String,
    },
    Set {
        place: Place,
        value: OwnedValue,
    },
    /// `prefix`: everything that begins so.
    Remove {
        place: Place,
        prefix: bool,
    },
    /// All attributes of the record but these go.
    KeepAttributes(Vec<(String, bool)>),
}

/// Where an attribute is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub is_resource: bool,
    pub key: String,
}

pub(crate) struct Condition {
    pub subject: Subject,
    pub test: Test,
    pub negated: bool,
}

pub(crate) enum Subject {
    Service,
    /// The scope's name.
    Scope,
    Severity,
    Body,
    /// The span's or the metric's.
    Name,
    Attribute(Place),
}

pub(crate) enum Test {
    OneOf(Vec<String>),
    Matches(Regex),
    Contains(String),
    Exists(bool),
    AtLeast(f64),
    Below(f64),
}

pub(crate) type Pair<'a> = (&'a str, Value<'a>);

/// A record as rules see and change it.
pub(crate) struct View<'a> {
    pub stream: &'a Stream,
    /// The resource as rules changed it; `None`: it is the stream's.
    pub resource: Option<Vec<Pair<'a>>>,
    /// Which rules changed the resource, as bits: with the stream it tells what came out.
    pub resource_changes: u64,
    pub attributes: Vec<Pair<'a>>,
    /// The attributes are not what they were.
    pub edited: bool,
    pub severity: Option<i64>,
    pub body: Option<Value<'a>>,
    pub name: Option<Value<'a>>,
}

/// What rules made of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Stays,
    /// By the rule of that place.
    Goes(usize),
}

const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// The lowest number of a severity's name (OTel logs data model, "SeverityNumber").
pub(crate) fn severity_number(name: &str) -> Option<i64> {
    let name = name.to_ascii_lowercase();
    let level = match name.as_str() {
        "warning" => "warn",
        "err" => "error",
        "information" | "notice" => "info",
        "critical" | "crit" | "emergency" | "alert" => "fatal",
        other => other,
    };
    let place = LEVELS.iter().position(|known| *known == level)?;
    Some(place as i64 * 4 + 1)
}

// === impl Rule ===

impl Rule {
    pub fn is_for(&self, tenant: &Tenant, signal: Signal) -> bool {
        self.signals[signal as usize - 1]
            && self.tenant.as_deref().is_none_or(|named| named == tenant.as_str())
    }

    fn holds(&self, view: &View<'_>) -> bool {
        self.when.iter().all(|condition| condition.holds(view))
    }
}

/// The rules for a tenant's records of a signal, with their places among all.
pub(crate) fn rules_for<'r>(rules: &'r [Rule], tenant: &Tenant, signal: Signal) -> Vec<(usize, &'r Rule)> {
    rules.iter().enumerate().filter(|(_, rule)| rule.is_for(tenant, signal)).collect()
}

/// Runs the rules over a record; `applied` counts by rule.
pub(crate) fn run<'a>(
    rules: &[(usize, &'a Rule)],
    view: &mut View<'a>,
    applied: &mut [u64],
    weight: u64,
) -> Fate {
    for &(place, rule) in rules {
        let holds = rule.holds(view);
        for action in &rule.actions {
            match action {
                Action::Drop if holds => {
                    applied[place] += weight;
                    return Fate::Goes(place);
                }
                Action::Keep if !holds => {
                    applied[place] += weight;
                    return Fate::Goes(place);
                }
                Action::Edit(edit) if holds => view.edit(edit, 1 << place),
                _ => {}
            }
        }
        if holds && matches!(rule.actions.first(), Some(Action::Edit(_))) {
            applied[place] += weight;
        }
    }
    Fate::Stays
}

// === impl Condition ===

impl Condition {
    fn holds(&self, view: &View<'_>) -> bool {
        let held = match (&self.test, &self.subject) {
            (Test::Exists(exists), _) => self.is_there(view) == *exists,
            (Test::AtLeast(least), _) => self.number(view).is_some_and(|number| number >= *least),
            (Test::Below(bound), _) => self.number(view).is_some_and(|number| number < *bound),
            (test, Subject::Severity) => view.level().is_some_and(|level| test.holds_for(level)),
            (test, _) => self.value(view).is_some_and(|value| test.holds_for(&value.text())),
        };
        held != self.negated
    }

    fn is_there(&self, view: &View<'_>) -> bool {
        match self.subject {
            Subject::Severity => view.severity.is_some(),
            _ => self.value(view).is_some(),
        }
    }

    fn number(&self, view: &View<'_>) -> Option<f64> {
        match self.subject {
            Subject::Severity => view.severity.map(|number| number as f64),
            _ => {
                let value = self.value(view)?;
                value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
            }
        }
    }

    fn value<'v>(&self, view: &'v View<'_>) -> Option<Value<'v>> {
        match &self.subject {
            Subject::Service => Some(Value::Str(view.service())),
            Subject::Scope => Some(Value::Str(&view.stream.scope_name)),
            Subject::Body => view.body,
            Subject::Name => view.name,
            Subject::Attribute(place) => view.get(place),
            Subject::Severity => None,
        }
    }
}

impl Test {
    /// The tests of texts.
    fn holds_for(&self, text: &str) -> bool {
        match self {
            Self::OneOf(all) => all.iter().any(|one| one == text),
            Self::Matches(regex) => regex.is_match(text),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Exists(_) | Self::AtLeast(_) | Self::Below(_) => false,
        }
    }
}

// === impl View ===

impl<'a> View<'a> {
    pub fn new(stream: &'a Stream) -> Self {
        Self {
            stream,
            resource: None,
            resource_changes: 0,
            attributes: Vec::new(),
            edited: false,
            severity: None,
            body: None,
            name: None,
        }
    }

    fn service(&self) -> &str {
        match &self.resource {
            None => service_of(self.stream, &self.attributes),
            Some(pairs) => {
                let named = pairs.iter().find(|(key, _)| *key == "service.name");
                named.and_then(|(_, value)| value.as_str()).unwrap_or_else(|| self.stream.service())
            }
        }
    }

    /// The severity's name.
    fn level(&self) -> Option<&'static str> {
        let place = usize::try_from(self.severity? - 1).ok()? / 4;
        LEVELS.get(place).copied()
    }

    fn get(&self, place: &Place) -> Option<Value<'_>> {
        let find =
            |pairs: &[Pair<'a>]| pairs.iter().find(|(key, _)| *key == place.key).map(|(_, value)| *value);
        match (place.is_resource, &self.resource) {
            (false, _) => find(&self.attributes),
            (true, Some(pairs)) => find(pairs),
            (true, None) => self.stream.resource.get(&place.key),
        }
    }

    fn edit(&mut self, edit: &'a Edit, rule: u64) {
        let is_resource = match edit {
            Edit::Rename { from: place, .. } | Edit::Set { place, .. } | Edit::Remove { place, .. } => {
                place.is_resource
            }
            Edit::KeepAttributes(_) => false,
        };
        let stream = self.stream;
        let pairs = if is_resource {
            self.resource_changes |= rule;
            self.resource.get_or_insert_with(|| stream.resource.iter().collect())
        } else {
            self.edited = true;
            &mut self.attributes
        };
        match edit {
            Edit::Set { place, value } => {
                pairs.retain(|(key, _)| *key != place.key);
                pairs.push((&place.key, value.as_value()));
            }
            Edit::Rename { from, to } => {
                if pairs.iter().any(|(key, _)| *key == from.key) {
                    pairs.retain(|(key, _)| key != to);
                    pairs.iter_mut().filter(|(key, _)| *key == from.key).for_each(|(key, _)| *key = to);
                }
            }
            Edit::Remove { place, prefix } => pairs.retain(|(key, _)| !is_named(key, &place.key, *prefix)),
            Edit::KeepAttributes(kept) => {
                pairs.retain(|(key, _)| kept.iter().any(|(name, prefix)| is_named(key, name, *prefix)));
            }
        }
    }
}

/// The service of a stream; of one that holds labels only in its records, what these say.
pub(crate) fn service_of<'s>(stream: &'s Stream, attributes: &[Pair<'s>]) -> &'s str {
    const LABELS: [&str; 2] = ["service_name", "job"];
    if stream.has_plain_labels() && stream.resource.iter().next().is_none() {
        let named = |label: &&str| attributes.iter().find(|(key, _)| key == label)?.1.as_str();
        if let Some(name) = LABELS.iter().find_map(named) {
            return name;
        }
    }
    stream.service()
}

fn is_named(key: &str, name: &str, prefix: bool) -> bool {
    if prefix { key.starts_with(name) } else { key == name }
}
