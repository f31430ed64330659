//! Path patterns: `/api/traces/{id}`, `/search/tag/{tag...}/values`.

use percent_encoding::percent_decode_str;

/// Values of a pattern's parameters, percent-decoded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PathParams(Vec<(String, String)>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    One(String),
    /// One or more segments; at most one in a pattern.
    Rest(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<Part>);

// === impl PathParams ===

impl PathParams {
    /// A parameter of the route's own pattern; one it does not have reads as empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl std::fmt::Debug for PathParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Pattern ===

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let path = text.strip_prefix('/').ok_or("it does not begin with /")?;
        let parts: Vec<Part> = path.split('/').map(Part::parse).collect();
        if parts.iter().filter(|part| matches!(part, Part::Rest(_))).count() > 1 {
            return Err("it has more than one {name...}");
        }
        Ok(Self(parts))
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The pattern without the names of its parameters: equal shapes match equal paths.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for part in &self.0 {
            shape.push('/');
            match part {
                Part::Text(text) => shape.push_str(text),
                Part::One(_) => shape.push_str("{}"),
                Part::Rest(_) => shape.push_str("{...}"),
            }
        }
        shape
    }

    /// The parameters if the path, not yet decoded, has this shape. Segments are cut before they are decoded, so an
    /// encoded slash stays inside its segment.
    pub(crate) fn matches(&self, path: &str) -> Option<PathParams> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let rest = self.0.iter().position(|part| matches!(part, Part::Rest(_)));
        let fits = match rest {
            Some(_) => segments.len() >= self.0.len(),
            None => segments.len() == self.0.len(),
        };
        if !fits {
            return None;
        }
        let mut params = PathParams::default();
        let mut at = 0;
        for part in &self.0 {
            let width = if matches!(part, Part::Rest(_)) { segments.len() - self.0.len() + 1 } else { 1 };
            part.read(segments.get(at..at + width)?, &mut params)?;
            at += width;
        }
        Some(params)
    }
}

// === impl Part ===

impl Part {
    fn parse(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            None => Self::Text(text.to_owned()),
            Some(name) => match name.strip_suffix("...") {
                Some(name) => Self::Rest(name.to_owned()),
                None => Self::One(name.to_owned()),
            },
        }
    }

    fn read(&self, segments: &[&str], params: &mut PathParams) -> Option<()> {
        let joined = segments.join("/");
        match self {
            Self::Text(text) => (*text == joined).then_some(()),
            Self::One(name) | Self::Rest(name) => {
                let value = percent_decode_str(&joined).decode_utf8().ok()?;
                if value.is_empty() && matches!(self, Self::One(_)) {
                    return None;
                }
                params.0.push((name.clone(), value.into_owned()));
                Some(())
            }
        }
    }
}
