//! What the parser takes, refuses and prints, as tables.

use super::*;

/// Text and its printed form.
const PRINTED: &[(&str, &str)] = &[
    ("1 + 2*3", "1 + 2 * 3"),
    ("-1", "-1"),
    ("- foo", "-foo"),
    ("-2^2", "-2 ^ 2"),
    ("0x1F", "31"),
    ("1e3", "1000"),
    ("Inf", "+Inf"),
    ("nan", "NaN"),
    ("5m", "5m"),
    ("\"a\\\"b\"", "\"a\\\"b\""),
    ("'it'", "\"it\""),
    ("foo", "foo"),
    ("foo:bar:rate5m", "foo:bar:rate5m"),
    ("foo{}", "foo"),
    ("foo{b='2',a=~\"x.*\",}", "foo{a=~\"x.*\",b=\"2\"}"),
    ("{\"http.requests\", \"service.name\"!=\"a\"}", "{\"service.name\"!=\"a\",__name__=\"http.requests\"}"),
    ("{__name__=~\"a|b\"}", "{__name__=~\"a|b\"}"),
    ("foo offset 5m", "foo offset 5m"),
    ("foo offset -1h30m", "foo offset -1h30m"),
    ("foo offset 300", "foo offset 5m"),
    ("foo @ 1609746000 offset 1d", "foo @ 1609746000.000 offset 1d"),
    ("foo offset 1d @ -1.5", "foo @ -1.500 offset 1d"),
    ("foo @ start()", "foo @ start()"),
    ("foo[5m] @ end() offset 1w", "foo[5m] @ end() offset 1w"),
    ("foo[300]", "foo[5m]"),
    ("foo[5m*2]", "foo[5m * 2]"),
    ("foo[step()+1s] offset -(1m)", "foo[step() + 1s] offset -(1m)"),
    ("foo[min_of(5m, range())]", "foo[min_of(5m, range())]"),
    ("foo[5m] anchored", "foo[5m] anchored"),
    ("rate(foo[5m])[1h:1m] offset 2m", "rate(foo[5m])[1h:1m] offset 2m"),
    ("foo[1h:]", "foo[1h:]"),
    ("sum(foo)", "sum(foo)"),
    ("sum by (a, b) (foo)", "sum by (a, b) (foo)"),
    ("sum(foo) by (a,)", "sum by (a) (foo)"),
    ("sum without () (foo)", "sum without () (foo)"),
    ("SUM BY(sum, on, \"a.b\")(foo)", "sum by (sum, on, \"a.b\") (foo)"),
    ("topk(3, foo)", "topk(3, foo)"),
    ("count_values('v', foo)", "count_values(\"v\", foo)"),
    ("sum", "sum"),
    ("sum{a=\"1\"} + by", "sum{a=\"1\"} + by"),
    ("offset offset 5m", "offset offset 5m"),
    ("start + end", "start + end"),
    ("fill + fill", "fill + fill"),
    ("a + on(x) group_left(y, z) b", "a + on (x) group_left (y, z) b"),
    ("a == bool ignoring(x) group_right b", "a == bool ignoring (x) group_right () b"),
    ("a / on(x) fill(0) b", "a / on (x) fill (0) b"),
    ("a / fill_right(1) fill_left(-2) b", "a / fill_left (-2) fill_right (1) b"),
    ("a and b or c unless on(x) d", "a and b or c unless on (x) d"),
    ("a atan2 b", "a atan2 b"),
    ("(a + b) # comment\n * 2", "(a + b) * 2"),
    ("label_replace(a, 'x', '$1', 'y', '(.*)')", "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")"),
    ("time() - start()", "time() - start()"),
    ("round(a)", "round(a)"),
    ("a </ 5", "a </ 5"),
];

/// Text and the start of its error.
const REFUSED: &[(&str, &str)] = &[
    ("", "1:1: parse error: no expression found in input"),
    ("1 +", "1:4: parse error: unexpected end of input"),
    ("foo{", "1:5: parse error: unexpected end of input inside braces"),
    ("foo{a}", "1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"),
    ("foo{a=1}", "1:7: parse error: unexpected character inside braces: '1'"),
    (
        "foo{a=\"b\" c=\"d\"}",
        "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
    ),
    ("{a=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
    ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
    ("foo{a=~\"(\"}", "1:5: parse error: error parsing regexp \"(\": "),
    ("(foo", "1:5: parse error: unclosed left parenthesis"),
    ("foo)", "1:4: parse error: unexpected right parenthesis ')'"),
    ("foo[5m", "1:7: parse error: unclosed left bracket"),
    ("foo[0]", "1:5: parse error: duration must be greater than 0"),
    ("foo[5m] + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"),
    ("(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"),
    ("foo offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
    ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
    ("1 offset 5m", "1:1: parse error: offset modifier must be preceded by"),
    (
        "rate(foo)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    ),
    ("rate(foo[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
    ("nope(foo)", "1:1: parse error: unknown function with name \"nope\""),
    ("abs(foo,)", "1:8: parse error: trailing commas not allowed in function call args"),
    ("label_join(a)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"),
    ("round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
    ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
    ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
    ("1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
    ("a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"),
    (
        "a + on(x) group_left(x) b",
        "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once",
    ),
    ("1 + on(x) a", "1:1: parse error: vector matching only allowed between instant vectors"),
    ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
    ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
    (
        "topk(foo)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ),
    ("topk(foo, bar)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
    (
        "-\"a\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector",
    ),
    ("a\n  + $", "2:5: parse error: unexpected character: '$'"),
    ("1y1y", "1:1: parse error: not a valid duration string: \"1y1y\""),
    ("08x", "1:1: parse error: bad number or duration syntax: \"08x\""),
    ("\"abc", "1:1: parse error: unterminated quoted string"),
    ("\"\\q\"", "1:1: parse error: error unquoting string"),
    ("a =~ b", "1:3: parse error: unexpected character after '=': '~'"),
    ("a b", "1:3: parse error: unexpected identifier \"b\""),
    ("sum(a) by b", "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\""),
];

#[test]
fn what_is_parsed_is_printed_and_parsed_again() {
    for (text, printed) in PRINTED {
        let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(expr.to_string(), *printed, "{text}");
        let again = parse(printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
        assert_eq!(again.to_string(), *printed);
        assert_eq!(crate::promql::pretty(&expr), *printed, "short expressions stay on their line");
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, error) in REFUSED {
        match parse(text) {
            Ok(expr) => panic!("{text} parsed as {expr}"),
            Err(e) => assert!(e.to_string().starts_with(error), "{text}\n  got  {e}\n  want {error}"),
        }
    }
}

#[test]
fn spans_cover_the_node_and_its_modifiers() {
    for (text, span) in [
        ("foo{a=\"b\"} offset 5m ", "foo{a=\"b\"} offset 5m"),
        (" sum(foo) by (a) + 1", "sum(foo) by (a) + 1"),
        ("foo[5m] @ 10", "foo[5m] @ 10"),
        ("-foo", "-foo"),
    ] {
        let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let found = expr.span();
        assert_eq!(&text[found.start..found.end], span);
    }
}

#[test]
fn hostile_nesting_is_refused() {
    for text in
        ["(".repeat(100_000), "-".repeat(100_000), "a[".repeat(1000), format!("a{}", " + a".repeat(100_000))]
    {
        assert!(parse(&text).is_err());
    }
    let long = "a".repeat(TEXT_BYTES_MAX + 1);
    assert!(parse(&long).is_err());
    assert!(parse(&format!("a{}", " + a".repeat(500))).is_ok());
}

#[test]
fn long_expressions_are_split_over_lines() {
    let text = "sum by (service, instance) (rate(http_requests_total{service=\"checkout\",code=~\"5..\"}[5m])) / \
                topk(5, sum(rate(http_requests_total{service=\"checkout\"}[5m])))";
    let want = "  sum by (service, instance) (rate(http_requests_total{code=~\"5..\",service=\"checkout\"}[5m]))\n/\n  \
                topk(5, sum(rate(http_requests_total{service=\"checkout\"}[5m])))";
    let expr = parse(text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(crate::promql::pretty(&expr), want);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[a-c0-9(){}\\[\\]\"'`\\\\,.:+*/^<>=!~@% \\-#mséoffsetby_x]{0,40}") {
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            proptest::prop_assert!(parse(&printed).is_ok(), "{} prints {}", text, printed);
        }
    }
}
