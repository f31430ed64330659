//! `docs/api.md` is written from the route table: `cargo run -p query --example api_docs > docs/api.md`.

#[test]
fn the_page_of_the_api_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let wanted = query::markdown(&query::routes());
    assert!(
        page == wanted,
        "docs/api.md differs from the table: cargo run -p query --example api_docs > docs/api.md"
    );
}
