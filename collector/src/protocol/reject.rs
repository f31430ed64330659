//! Why a single record is refused for good while the rest of its request is taken.

use std::fmt::Write as _;

macro_rules! rejects {
    ($($name:ident = $label:literal, $text:literal;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        pub enum Reject {
            $($name),*
        }

        impl Reject {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason in metrics.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label),*
                }
            }

            /// The reason as senders read it.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }
        }
    };
}

rejects! {
    TooDeep = "too_deep", "a value is nested too deeply";
    TooManyAttributes = "too_many_attributes", "too many attributes";
    KeyTooLong = "key_too_long", "an attribute key is too long";
    ValueTooLong = "value_too_long", "an attribute value is too long";
    InFuture = "in_future", "the time is too far ahead of the server's clock";
    Time = "time", "the time is out of range";
    NotUtf8 = "not_utf8", "a string is not UTF-8";
    TraceId = "trace_id", "the trace id is not 16 bytes or all zero";
    SpanId = "span_id", "the span id is not 8 bytes or all zero";
    MetricName = "metric_name", "the metric has no name";
    NoValue = "no_value", "the data point has no value";
    Buckets = "buckets", "buckets and bounds do not fit together";
    LabelName = "label_name", "a label has no name";
    NoLabels = "no_labels", "the stream has no labels";
    Labels = "labels", "the stream's labels are malformed";
    LabelOrder = "label_order", "the labels are not sorted by name";
    LabelTwice = "label_twice", "a label stands twice";
    SymbolRef = "symbol_ref", "a reference leads out of the symbol table";
    NoSample = "no_sample", "the series has neither samples nor histograms";
    Schema = "schema", "the histogram's schema is not known";
    Histogram = "histogram", "the histogram contradicts itself";
    Document = "document", "the document is no JSON object";
    NoDocument = "no_document", "the action has no document";
    Action = "action", "the line is no action such as create or index";
    Operation = "operation", "only create and index are taken";
    Line = "line", "the line cannot be read";
    BadValue = "bad_value", "a JSON value has the wrong type or form";
    OverQuota = "over_quota", "the service is over its quota: send less, or later";
}

/// Refused records, by reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected([u64; Reject::ALL.len()]);

// === impl Rejected ===

impl Default for Rejected {
    fn default() -> Self {
        Self([0; Reject::ALL.len()])
    }
}

impl Rejected {
    pub fn add(&mut self, reason: Reject, records: u64) {
        self.0[reason as usize] += records;
    }

    pub fn add_all(&mut self, other: &Self) {
        other.iter().for_each(|(reason, records)| self.add(reason, records));
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, u64)> {
        Reject::ALL
            .iter()
            .map(|&reason| (reason, self.0[reason as usize]))
            .filter(|(_, records)| *records > 0)
    }

    /// One sentence for the sender; empty if nothing was refused.
    pub fn message(&self) -> String {
        let mut out = String::new();
        for (reason, records) in self.iter() {
            let separator = if out.is_empty() { "" } else { "; " };
            let _ = write!(out, "{separator}{records} rejected: {}", reason.text());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_each_reason_once_with_its_count() {
        let mut rejected = Rejected::default();
        assert_eq!(rejected.message(), "");
        rejected.add(Reject::NotUtf8, 2);
        rejected.add(Reject::TooDeep, 1);
        assert_eq!(rejected.total(), 3);
        assert_eq!(
            rejected.message(),
            "1 rejected: a value is nested too deeply; 2 rejected: a string is not UTF-8"
        );
    }
}
