//! The web app as bytes: what Vite built, packed into the binary by `build.rs`.
//!
//! Knows no HTTP server. Whoever serves it maps [`Asset`] to an answer: `gzip` if the client takes it, `etag` against
//! `If-None-Match`, and `Cache-Control` from `immutable` (a year, or `no-cache`). The sources are in `app/`.

/// The path below which every file lives; the app's router has it as its base.
pub const BASE: &str = "/ui/";

/// One embedded file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    pub content_type: &'static str,
    pub bytes: &'static [u8],
    /// The same bytes compressed, when that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// A strong entity tag, quotes included.
    pub etag: &'static str,
    /// The name carries a hash of the content, so it may be cached for ever.
    pub immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file behind a request path (`/ui`, `/ui/…`), or behind what a router left of it after [`BASE`]. A path that is no
/// file is one of the app's own pages and answers `index.html`; a missing hashed file answers `None`, so that a stale page
/// fails loudly instead of parsing HTML as code.
pub fn asset(path: &str) -> Option<Asset> {
    let name = match path.strip_prefix(BASE) {
        Some(name) => name,
        None if path == "/ui" => "",
        None if path.starts_with('/') => return None,
        None => path,
    };
    find(name).or_else(|| if name.starts_with("assets/") { None } else { find("index.html") })
}

/// The licence notices of the npm packages in the bundle; empty if the app was not built.
pub fn licenses() -> &'static str {
    LICENSES
}

fn find(name: &str) -> Option<Asset> {
    let at = FILES.binary_search_by(|(path, _)| (*path).cmp(name)).ok()?;
    FILES.get(at).map(|(_, asset)| *asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_app_answer_the_index() {
        let index = asset("/ui/").expect("an index is always embedded");
        assert!(index.content_type.starts_with("text/html"));
        assert!(!index.immutable);
        for page in
            ["/ui", "/ui/index.html", "/ui/logs", "/ui/trace/00ab", "/ui/a.b/../c", "", "logs", "index.html"]
        {
            assert_eq!(asset(page).expect(page).etag, index.etag, "{page}");
        }
    }

    #[test]
    fn missing_hashed_files_and_foreign_paths_are_not_found() {
        for path in ["/ui/assets/gone-12345678.js", "assets/gone-12345678.js", "/", "/uix", "/api/v1/query"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn only_hashed_names_are_immutable_and_tags_are_strong() {
        for (path, asset) in FILES {
            assert_eq!(asset.immutable, path.starts_with("assets/"), "{path}");
            assert!(
                asset.etag.starts_with('"') && asset.etag.ends_with('"') && asset.etag.len() > 18,
                "{path}"
            );
            assert!(
                asset
                    .gzip
                    .is_none_or(|gzip| gzip.len() < asset.bytes.len() && gzip.starts_with(&[0x1f, 0x8b])),
                "{path}"
            );
        }
    }

    #[test]
    fn the_index_has_no_inline_script() {
        let index = asset(BASE).expect("an index is always embedded");
        let text = std::str::from_utf8(index.bytes).expect("the index is UTF-8");
        for script in text.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap_or_default();
            assert!(tag.contains("src="), "inline script in index.html: {tag}");
        }
    }
}
