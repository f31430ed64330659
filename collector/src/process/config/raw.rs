//! The section as it is written.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use store::model::OwnedValue;

/// `processing` of the configuration, not yet checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawProcessing {
    pub(super) rules: Vec<RawRule>,
    pub(super) redact: Vec<RawRedact>,
    pub(super) redact_style: Option<String>,
    pub(super) redact_except: Vec<String>,
    pub(super) quotas: Vec<RawQuota>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRule {
    pub name: String,
    pub tenant: Option<String>,
    pub signals: Option<Vec<String>>,
    pub when: Vec<RawCondition>,
    pub drop: bool,
    pub keep: bool,
    pub rename: BTreeMap<String, String>,
    pub set: BTreeMap<String, Scalar>,
    pub remove: Vec<String>,
    pub keep_attributes: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCondition {
    pub field: String,
    pub equals: Option<OneOrMany>,
    pub matches: Option<String>,
    pub contains: Option<String>,
    pub exists: Option<bool>,
    pub at_least: Option<Scalar>,
    pub below: Option<Scalar>,
    pub not: bool,
}

/// A name alone, or a name with more.
#[derive(Clone, Debug, Default)]
pub(super) struct RawRedact {
    pub name: String,
    pub regex: Option<String>,
    pub style: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawQuota {
    pub tenant: Option<String>,
    pub service: Option<String>,
    pub signals: Option<Vec<String>>,
    pub records_per_s: Option<f64>,
    pub bytes_per_s: Option<f64>,
    pub burst_s: Option<f64>,
}

/// A text, number or truth value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar(pub OwnedValue);

/// One scalar, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OneOrMany(pub Vec<Scalar>);

// === impl Scalar ===

impl Scalar {
    pub fn text(&self) -> String {
        self.0.as_value().text().into_owned()
    }
}

macro_rules! visit_scalars {
    ($wrap:expr) => {
        fn visit_bool<E: Error>(self, v: bool) -> Result<Self::Value, E> {
            Ok($wrap(Scalar(OwnedValue::Bool(v))))
        }
        fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
            Ok($wrap(Scalar(OwnedValue::Int(v))))
        }
        fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
            let v = i64::try_from(v).map_err(|_| E::custom(format!("{v} is too large")))?;
            Ok($wrap(Scalar(OwnedValue::Int(v))))
        }
        fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
            Ok($wrap(Scalar(OwnedValue::Double(v))))
        }
        fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
            Ok($wrap(Scalar(OwnedValue::Str(v.to_owned()))))
        }
    };
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number or truth value")
    }

    visit_scalars!(|scalar| scalar);
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number or truth value, or a list of them")
    }

    visit_scalars!(|scalar| OneOrMany(vec![scalar]));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
        let mut all = Vec::new();
        while let Some(scalar) = seq.next_element()? {
            all.push(scalar);
        }
        Ok(OneOrMany(all))
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct RedactVisitor;

impl<'de> Visitor<'de> for RedactVisitor {
    type Value = RawRedact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name such as secrets, or {name: …, regex: …, style: …}")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<RawRedact, E> {
        Ok(RawRedact { name: name.to_owned(), ..RawRedact::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawRedact, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Entry {
            name: String,
            regex: Option<String>,
            style: Option<String>,
        }
        let Entry { name, regex, style } = Entry::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RawRedact { name, regex, style })
    }
}

impl<'de> Deserialize<'de> for RawRedact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RedactVisitor)
    }
}
