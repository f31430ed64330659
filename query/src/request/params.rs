//! The parameters of a request: form body and query string as one list, as Go's `FormValue` merges them.

use std::str::FromStr;

use crate::failure::Failure;

/// Names may repeat (`match[]`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

// === impl Params ===

impl Params {
    /// The body's pairs come first: they win where one value is wanted.
    pub(crate) fn new(query: Option<&str>, form: &[u8]) -> Self {
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
        pairs.extend(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned());
        Self(pairs)
    }

    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The first value that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first of several names for one thing.
    pub(crate) fn get_any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::bad(format!("the parameter {name:?} is missing")))
    }

    /// A number or another plain value; absent is `None`.
    pub(crate) fn parse<T: FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let bad = |_| Failure::bad(format!("invalid parameter {name:?}: {text:?} is not {wanted}"));
        text.parse().map(Some).map_err(bad)
    }

    /// A count with an upper bound: more than `max` is refused, not cut silently.
    pub(crate) fn limit(&self, name: &str, default: usize, max: usize) -> Result<usize, Failure> {
        match self.parse::<usize>(name, "a count")? {
            None => Ok(default.min(max)),
            Some(limit) if limit > max => Err(Failure::bad(format!(
                "invalid parameter {name:?}: {limit} is more than the {max} one answer may hold"
            ))),
            Some(limit) => Ok(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_and_query_are_one_list_and_the_body_wins() {
        let params = Params::new(Some("match%5B%5D=a&x=&limit=5"), b"match[]=b+c&limit=7");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["b c", "a"]);
        assert_eq!(params.get("limit"), Some("7"));
        assert_eq!(params.get("x"), None);
        assert_eq!(params.limit("limit", 1, 10).unwrap(), 7);
        assert!(params.limit("limit", 1, 6).is_err());
        assert!(params.require("q").is_err());
    }
}
