//! Text tables: what is accepted and how it prints, what is refused and why.

use super::*;

/// query ⇒ printed; a line without an arrow prints as it stands.
const VALID: &str = r#"
{} ⇒ { }
{ .http.status_code >= 500 } ⇒ { .http.status_code >= 500 }
{resource.service.name="cart"&&span.http.method=~"GET|POST"} ⇒ { (resource.service.name = "cart" && span.http.method =~ "GET|POST") }
{ status = error || kind = server && duration > 1.5s } ⇒ { ((status = error || kind = server) && duration > 1s500ms) }
{ !(.a = 1) }
{ .a } ⇒ { .a }
{ .a != nil && nil = span.b } ⇒ { (.a != nil && span.b = nil) }
{ span."a b".c = "x" } ⇒ { span."a b.c" = "x" }
{ parent.resource.x = parent.y } ⇒ { parent.resource.x = parent.y }
{ span:id = "0a" && trace:rootName !~ "x.*" } ⇒ { (span:id = "0a" && rootName !~ "x.*") }
{ event:name = "exception" && event.a = true && link.b = -2.5 } ⇒ { (event:name = "exception" && event.a = true && link.b = -2.5) }
{ .a + 2 * 3 ^ 2 > 10 } ⇒ { (.a + (2 * (3 ^ 2))) > 10 }
{ nestedSetParent < 0 }
{ .a = "1" } && { .b = 2 } || { .c } ⇒ (({ .a = "1" } && { .b = 2 }) || { .c })
{ .a } >> { .b } && { .c } !< { .d } ⇒ (({ .a } >> { .b }) && ({ .c } !< { .d }))
{ .a } &~ { .b } !~ { .c } ⇒ (({ .a } &~ { .b }) !~ { .c })
{ .a } | count() > 2
{ .a } | avg(duration) >= 1s | select(span.b, name) ⇒ { .a } | avg(duration) >= 1s | select(span.b, name)
{ .a } | by(resource.service.name) | count() + 1 = 3 | coalesce() ⇒ { .a } | by(resource.service.name) | (count() + 1) = 3 | coalesce()
({ .a } | count() > 1) && { .b } ⇒ (({ .a } | count() > 1) && { .b })
{ .a } | { .b } ⇒ { .a } | { .b }
{ .a } | rate() by (name) ⇒ { .a } | rate() by (name)
{ .a } | quantile_over_time(duration, .9, 0.99) by (span.b, name) ⇒ { .a } | quantile_over_time(duration, 0.9, 0.99) by (span.b, name)
{ .a } with (most_recent=true)
{ .a } | count_over_time() with (sample=0.1, exemplars=true)
{ ."a b\"c\\d" = "x" }
{ !.a = true } ⇒ { !(.a) = true }
{ -.a ^ 2 * 3 = 2 } ⇒ { -(((.a ^ 2) * 3)) = 2 }
{ 1 = 2 = .b } ⇒ { (1 = 2) = .b }
{ nil = nil } ⇒ { false }
{ .a } | max(.b) - min(.b) > 3 ⇒ { .a } | (max(.b) - min(.b)) > 3
({ .a } | count()) > ({ .b } | avg(duration)) * 2 ⇒ ({ .a } | count()) > (({ .b } | avg(duration)) * 2)
avg(.a) > 1 - 3 ⇒ avg(.a) > -2
min(span:childCount) < 7 / 2 ⇒ min(span:childCount) < 3
{ } >> { .a } | rate() ⇒ ({ } >> { .a }) | rate()
{ } | compare({ status = error }) ⇒ { } | compare({ status = error }, 10)
{ } | compare({ status = error }, 5, 100, 200)
{ } | rate() by (name) > 10 | topk(5) <= 2.5 | bottomk(1)
({ } | max_over_time(duration)) > 10s ⇒ { } | max_over_time(duration) > 10
1 + 2 + ({ } | rate()) ⇒ 3 + ({ } | rate())
3 / 2 * ({ } | rate()) - 1 ⇒ (1 * ({ } | rate())) - 1
({ } | rate() > 6) * 100 > 5 ⇒ ({ } | rate() > 6) * 100 > 5
(60 * ({ } | rate())) / ({ .a } | rate()) + ({ .b } | rate()) ⇒ ((60 * ({ } | rate())) / ({ .a } | rate())) + ({ .b } | rate())
({ } | rate()) + ({ } | rate()) | topk(5) > 1 ⇒ ({ } | rate()) + ({ } | rate()) | topk(5) > 1
"#;

const INVALID: &str = r#"
{ ⇒ parse error at line 1, col 2: syntax error: unexpected $end, expecting an attribute
{ .a = } ⇒ parse error at line 1, col 8: syntax error: unexpected }, expecting an attribute
{ foo = 1 } ⇒ parse error at line 1, col 3: unknown identifier: foo; attributes begin with a dot or a scope: .foo
{ name = 5 } ⇒ parse error at line 1, col 3: binary operations must operate on the same type: name = 5
{ status = ok && kind > "x" } ⇒ parse error at line 1, col 18: binary operations must operate on the same type: kind > "x"
{ duration =~ "x" } ⇒ parse error at line 1, col 3: binary operations must operate on the same type: duration =~ "x"
{ status > ok } ⇒ parse error at line 1, col 3: illegal operation for the given types: status > ok
{ 1 && .a } ⇒ parse error at line 1, col 3: illegal operation for the given types: 1 && .a
{ -name = "a" } ⇒ parse error at line 1, col 3: illegal operation for the given type: -name
{ span:status = nil } ⇒ parse error at line 1, col 3: status = nil is not valid: status cannot be nil
{ nil } ⇒ parse error at line 1, col 1: span filter field expressions must resolve to a boolean: { nil }
{ .a = 99999999999999999999 } ⇒ parse error at line 1, col 8: not a 64-bit integer: 99999999999999999999
{ } | by(1) ⇒ parse error at line 1, col 10: grouping field expressions must reference the span: 1
{ } | max(status) = 1 ⇒ parse error at line 1, col 11: aggregate field expressions must resolve to a number type: status
{ } | sum(3) = 1 ⇒ parse error at line 1, col 11: aggregate field expressions must reference the span: 3
{ } + { } ⇒ parse error at line 1, col 5: syntax error: unexpected +
({ } | rate()) % 2 ⇒ parse error at line 1, col 16: syntax error: unexpected %
({ } | rate()) * 10s ⇒ parse error at line 1, col 1: a duration cannot be used in arithmetic with series
({ } | rate()) > (10s * 2) ⇒ parse error at line 1, col 19: a duration cannot be used in arithmetic with numbers
{ } | rate() | topk(0) ⇒ parse error at line 1, col 21: at least one series must be asked for
{ } | compare({ .a }) > 1 ⇒ parse error at line 1, col 23: compare() cannot be used with arithmetic, comparisons, topk or bottomk
{ } | compare({ .a }, 2000) ⇒ parse error at line 1, col 21: compare shows 1 to 1000 values, not 2000
{ } | rate() by (.a, .b, .c, .d, .e, .f) ⇒ parse error at line 1, col 14: 6 attributes to group by, at most 5
2 * 3 ⇒ parse error at line 1, col 6: syntax error: unexpected $end, expecting a comparison
{ .a =~ "(" } ⇒ parse error at line 1, col 9: invalid regex: unclosed group
{ .a =~ 5 } ⇒ parse error at line 1, col 9: a regular expression must be a STRING
{ duration } ⇒ parse error at line 1, col 1: span filter field expressions must resolve to a boolean: { duration }
{ nil > 5 } ⇒ parse error at line 1, col 3: nil can only be compared by = and !=
{ . = 1 } ⇒ parse error at line 1, col 4: syntax error: expecting the name of an attribute
{ .a } | count() ⇒ parse error at line 1, col 17: syntax error: unexpected $end, expecting a comparison
{ .a } | 3 > 2 ⇒ parse error at line 1, col 10: one side of the comparison must have an aggregate: count() > 2
{ .a } | avg() > 2 ⇒ parse error at line 1, col 14: syntax error: unexpected ), expecting an expression
{ .a } { .b } ⇒ parse error at line 1, col 8: syntax error: unexpected {
{ .a } | foo() ⇒ parse error at line 1, col 10: syntax error: unexpected foo
{ .a = "x ⇒ parse error at line 1, col 8: literal not terminated
{ .a = 5x } ⇒ parse error at line 1, col 8: not a number or duration: "5x"
"#;

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.is_empty());
    let rows = lines.map(|line| line.split_once(" ⇒ ").unwrap_or((line, line)));
    rows.filter(|(_, printed)| !printed.starts_with('#'))
}

#[test]
fn valid_queries_print_as_the_table_says_and_read_back() {
    for (text, printed) in rows(VALID) {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = query.to_string();
        assert_eq!(shown, printed, "{text}");
        assert_eq!(parse(&shown).unwrap_or_else(|e| panic!("{shown}: {e}")).to_string(), shown);
    }
}

#[test]
fn invalid_queries_are_refused_with_a_position() {
    for (text, expected) in rows(INVALID) {
        match parse(text) {
            Ok(query) => panic!("{text} was read as {query}"),
            Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
        }
    }
}

#[test]
fn every_intrinsic_is_read_by_both_names() {
    for row in INTRINSICS {
        for name in [row.bare, row.scoped].into_iter().filter(|name| !name.is_empty()) {
            assert_eq!(parse_attribute(name).unwrap(), Attribute::Intrinsic(row.intrinsic), "{name}");
        }
    }
    let named = |scope, name: &str| Attribute::Named { scope, parent: false, name: name.into() };
    assert_eq!(parse_attribute("resource.service.name").unwrap(), named(Scope::Resource, "service.name"));
    assert_eq!(parse_attribute(".http.url").unwrap(), named(Scope::Any, "http.url"));
    assert_eq!(parse_attribute("foo").unwrap(), named(Scope::Any, "foo"));
}

#[test]
fn depth_is_bounded() {
    let hostile = [
        format!("{{ {}.a{} }}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{{ {}.a }}", "!".repeat(50_000)),
        format!("{{ {}1 > 2 }}", "- ".repeat(50_000)),
        format!("{{ .a = 1{} }}", " + 1".repeat(20_000)),
        format!("{{ .a{} }}", " && .b || .c".repeat(5_000)),
        format!("{}{{}}{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{{}}{}", " && {}".repeat(10_000)),
        format!("{{}} | count(){} > 1", " + 1".repeat(10_000)),
        format!("{{}} | {}count(){} > 1", "(".repeat(10_000), ")".repeat(10_000)),
    ];
    for text in hostile {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("nested deeper"), "{error}");
    }
}
