//! Text tables: what is accepted and how it prints, what is refused and why.

use super::*;

/// query ⇒ printed; a line without an arrow prints as it stands.
const VALID: &str = r#"
{app="shop"}
{ app = "shop" , env!="dev" } ⇒ {app="shop", env!="dev"}
{service.name="cart"} |= "error"
{"k8s.io/pod"=~"a.*"}
{app="a"} |= "x" or "y" != "z"
{app="a"} |~ `\d+` !~ "q" ⇒ {app="a"} |~ "\\d+" !~ "q"
{app="a"} |> "<_> level=warn <_>" !> "<_>debug<_>"
{app="a"} |= ip("10.0.0.0/8") != ip("10.1.2.3")
{app="a"} | json
{app="a"} | json | status >= 500 ⇒ {app="a"} | json | status>=500
{app="a"} | json first="a.b[0]", x ⇒ {app="a"} | json first="a.b[0]",x="x"
{app="a"} | logfmt --strict --keep-empty took, msg="message" ⇒ {app="a"} | logfmt --strict --keep-empty took="took",msg="message"
{app="a"} | logfmt != "secret"
{app="a"} | pattern "<ip> <_>" | unpack | regexp "(?P<m>[A-Z]+)"
{app="a"} | took > 1.5s and size <= 2KB or code = 5 ⇒ {app="a"} | ( ( took>1s500ms and size<=2KB ) or code==5 )
{app="a"} | a="1", b="2" or c="3" ⇒ {app="a"} | ( a="1" and ( b="2" or c="3" ) )
{app="a"} | a="1" b!~"2" ⇒ {app="a"} | ( a="1" and b!~"2" )
{app="a"} | (a="1" or b>-2) and addr=ip("10.0.0.1-10.0.0.9") ⇒ {app="a"} | ( ( a="1" or b>-2 ) and addr=ip("10.0.0.1-10.0.0.9") )
{app="a"} | line_format "{{.a}} {{.b}}" | label_format x=y,z="{{.x}}" | decolorize
{app="a"} | drop __error__, level="debug" | keep a,b=~"c" ⇒ {app="a"} | drop __error__,level="debug" | keep a,b=~"c"
({app="a"} |= "x") ⇒ {app="a"} |= "x"
# a comment first: ⇒ # skip
count_over_time({app="a"}[5m])
rate({app="a"} |= "x" [1m] offset 1h) ⇒ rate({app="a"} |= "x"[1m] offset 1h)
rate({app="a"}[1m] |= "x") ⇒ rate({app="a"} |= "x"[1m])
rate(({app="a"} |= "x")[1m]) ⇒ rate({app="a"} |= "x"[1m])
sum by (a, b)(rate({app="a"}[1m])) ⇒ sum by (a, b)(rate({app="a"}[1m]))
SUM(rate({app="a"}[1m])) BY (a) ⇒ sum by (a)(rate({app="a"}[1m]))
avg without ()(rate({app="a"}[1m]))
topk(3, sum by (x) (rate({app="a"}[1m]))) ⇒ topk(3,sum by (x)(rate({app="a"}[1m])))
sum_over_time({app="a"} | logfmt | unwrap took [1m]) ⇒ sum_over_time({app="a"} | logfmt | unwrap took[1m])
avg_over_time({app="a"} | json | unwrap duration(took) | __error__="" [1m]) by (x) ⇒ avg_over_time({app="a"} | json | unwrap duration(took) | __error__=""[1m]) by (x)
quantile_over_time(0.99, {app="a"} | json | unwrap bytes(size) [1m]) ⇒ quantile_over_time(0.99,{app="a"} | json | unwrap bytes(size)[1m])
absent_over_time({app="a"}[1m])
vector(1)+vector(1) ⇒ (vector(1) + vector(1))
1 + 2 * 3 ^ 2 ⇒ 19
-1 ⇒ -1
rate({app="a"}[1m]) / 2 > bool 1 ⇒ ((rate({app="a"}[1m]) / 2) > bool 1)
sum by (x)(rate({a="b"}[1m])) / on (x) group_left (y) sum by (x)(rate({a="c"}[1m])) ⇒ (sum by (x)(rate({a="b"}[1m])) / on (x) group_left (y) sum by (x)(rate({a="c"}[1m])))
vector(1) unless on() vector(2) or vector(3) ⇒ ((vector(1) unless on () vector(2)) or vector(3))
vector(1) * on(a) group_left (vector(2)) ⇒ (vector(1) * on (a) group_left () vector(2))
label_replace(rate({app="a"}[1m]), "x", "$1", "app", "(.*)") ⇒ label_replace(rate({app="a"}[1m]),"x","$1","app","(.*)")
rate({app="a"} | json [1m]) != 5 ⇒ (rate({app="a"} | json[1m]) != 5)
rate({app="a"}[1m]) ^ 2 ^ 3 ⇒ (rate({app="a"}[1m]) ^ 8)
{"json"="x", "k8s.io/pod"!="y"} ⇒ {"json"="x", "k8s.io/pod"!="y"}
{app="a"} |~ ip("10.0.0.1") or "x" !~ "(" ⇒ {app="a"} |~ ip("10.0.0.1") or "x" !~ "("
{app=~"blip{{ .foo }}blop"} |~ "{\"level\"" ⇒ {app=~"blip{{ .foo }}blop"} |~ "{\"level\""
{app="a"} | ip="x" | addr=ip("any") ⇒ {app="a"} | ip="x" | addr=ip("any")
{app="a"} | distinct = "x" ⇒ {app="a"} | distinct="x"
{app="a"} | distinct x, y ⇒ {app="a"} | distinct x,y
{app="a"} // one /* two ⇒ {app="a"}
/* a */ 1 + 2 ⇒ 3
0x1p4 ⇒ 16
rate({app="a"}[1m] @ 1609746000 offset 5m) ⇒ rate({app="a"}[1m] @ 1609746000 offset 5m)
rate({app="a"}[1m] offset 5m @ start() |= "x") ⇒ rate({app="a"} |= "x"[1m] @ start() offset 5m)
rate({app="a"} | unwrap x [1m] @ end()) ⇒ rate({app="a"} | unwrap x[1m] @ end())
topk(7745855568, rate({app="a"}[1m])) ⇒ topk(4294967295,rate({app="a"}[1m]))
{app="a"} | line_format "{{ range $q := fromJson .queries }}{{ $q.query }}{{ end }}"
"#;

/// query ⇒ the whole error text.
const INVALID: &str = r#"
 ⇒ parse error at line 1, col 1: syntax error: unexpected $end
{app="a" ⇒ parse error at line 1, col 9: syntax error: unexpected $end, expecting } or ,
{app="a"} |= ⇒ parse error at line 1, col 13: syntax error: unexpected $end, expecting STRING or ip
{app="a"} "x" ⇒ parse error at line 1, col 11: syntax error: unexpected STRING
{app~"a"} ⇒ parse error at line 1, col 5: syntax error: unexpected character '~'
{app=~"a("} ⇒ parse error at line 1, col 7: error parsing regexp: unclosed group
{app=~"a)|(b"} ⇒ parse error at line 1, col 7: error parsing regexp: unopened group
{json="x"} ⇒ parse error at line 1, col 2: syntax error: unexpected json, expecting IDENTIFIER or }
{app="a"} | logfmt or="x" ⇒ parse error at line 1, col 20: syntax error: unexpected or, expecting IDENTIFIER
{app0.8="a"} ⇒ parse error at line 1, col 6: syntax error: unexpected NUMBER, expecting = or != or =~ or !~
rate({app="a"}[1m] @ x) ⇒ parse error at line 1, col 22: syntax error: unexpected IDENTIFIER, expecting NUMBER
rate({app="a"}[1m] offset 1m offset 2m) ⇒ parse error at line 1, col 30: syntax error: unexpected offset, expecting )
089 ⇒ parse error at line 1, col 1: "089" begins as a number of another base: write it without the 0
1e999 ⇒ parse error at line 1, col 1: number out of range: 1e999
{app="a"} | line_format "{{ .x" ⇒ parse error at line 1, col 25: unclosed action
{app="a"} | line_format "{{ nope .x }}" ⇒ parse error at line 1, col 25: function "nope" not defined
{} ⇒ parse error : a query needs at least one matcher that a missing label does not satisfy: app=~".*" is not enough, app=~".+" is
{app=~".*"} ⇒ parse error : a query needs at least one matcher that a missing label does not satisfy: app=~".*" is not enough, app=~".+" is
rate({app="a"}) ⇒ parse error at line 1, col 15: syntax error: unexpected ), expecting RANGE
rate({app="a"}[5minutes]) ⇒ parse error at line 1, col 15: unknown unit "minutes" in duration "5minutes"
rate({app="a"}[0]) ⇒ parse error at line 1, col 15: syntax error: unexpected RANGE, expecting a range longer than zero
rate({app="a"}[1m] |= "x" [2m]) ⇒ parse error at line 1, col 27: syntax error: unexpected RANGE
foo({app="a"}[1m]) ⇒ parse error at line 1, col 1: syntax error: unexpected IDENTIFIER
sum_over_time({app="a"}[1m]) ⇒ parse error : invalid aggregation sum_over_time without unwrap
count_over_time({app="a"} | json | unwrap x [1m]) ⇒ parse error : invalid aggregation count_over_time with unwrap
rate({app="a"}[1m]) by (x) ⇒ parse error : grouping not allowed for rate aggregation
quantile_over_time({app="a"} | unwrap x [1m]) ⇒ parse error : parameter required for operation quantile_over_time
rate(5, {app="a"}[1m]) ⇒ parse error : parameter 5 not supported for operation rate
topk(rate({app="a"}[1m])) ⇒ parse error : parameter required for operation topk
topk(1.5, rate({app="a"}[1m])) ⇒ parse error : invalid parameter topk(1.5,
topk(0, rate({app="a"}[1m])) ⇒ parse error : invalid parameter (must be greater than 0) topk(0
sum(3, rate({app="a"}[1m])) ⇒ parse error : unsupported parameter for operation sum(3,
sort(rate({app="a"}[1m])) by (x) ⇒ parse error : grouping not allowed for sort aggregation
rate({app="a"}[1m]) or 1 ⇒ parse error : unexpected literal for right leg of logical/set binary operation (or): 1.000000
{app="a"} + 1 ⇒ parse error : a log query cannot be a leg of the operation (+)
1 + {app="a"} ⇒ parse error at line 1, col 5: syntax error: unexpected {
{app="a"} | pattern "x" ⇒ parse error : invalid pattern parser: at least one capture is required
{app="a"} | regexp "x" ⇒ parse error : invalid regexp parser: at least one named capture is needed
{app="a"} |> "<x> y" ⇒ parse error at line 1, col 14: named captures are not allowed: found '<x>'
{app="a"} | unwrap x ⇒ parse error at line 1, col 11: syntax error: unexpected |
{app="a"} | status > "5" ⇒ parse error at line 1, col 22: syntax error: unexpected STRING, expecting NUMBER or DURATION or BYTES
{app="a"} | label_format a=b,a=c ⇒ parse error at line 1, col 30: multiple label name 'a' not allowed in a single format operation
{app="a"} | json x="a[" ⇒ parse error at line 1, col 18: cannot parse expression [a[]: missing closing ]
label_replace(vector(1),"a","b","c","(") ⇒ parse error : invalid regex in label_replace: error parsing regexp: unclosed group
vector(x) ⇒ parse error at line 1, col 8: syntax error: unexpected IDENTIFIER, expecting NUMBER
"#;

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(" ⇒ ").unwrap_or((line, line)))
}

#[test]
fn valid_queries_print_as_the_table_says() {
    for (text, printed) in rows(VALID).filter(|(_, printed)| !printed.starts_with('#')) {
        let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(expr.to_string(), printed, "{text}");
    }
}

#[test]
fn printing_is_stable_in_both_forms() {
    for (text, printed) in rows(VALID).filter(|(_, printed)| !printed.starts_with('#')) {
        let expr = parse(text).unwrap();
        for form in [expr.to_string(), format_query(&expr)] {
            assert_eq!(parse(&form).unwrap_or_else(|e| panic!("{form}: {e}")).to_string(), printed);
        }
    }
}

#[test]
fn invalid_queries_are_refused_with_a_position() {
    for (text, expected) in rows(INVALID) {
        match parse(text) {
            Ok(expr) => panic!("{text} was read as {expr}"),
            Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
        }
    }
}

#[test]
fn every_row_of_the_tables_is_parsed() {
    for row in RANGE_AGGREGATIONS {
        let unwrap = if row.unwrapped == Unwrapped::Always { "| unwrap x" } else { "" };
        let param = if row.param { "0.5," } else { "" };
        let text = format!(r#"{}({param}{{a="b"}} {unwrap} [1m])"#, row.name);
        assert!(parse(&text).is_ok(), "{text}");
    }
    for row in VECTOR_AGGREGATIONS {
        let text = format!("{}({}vector(1))", row.name, if row.param { "2," } else { "" });
        assert!(parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn long_queries_break_into_lines() {
    let text = r#"sum by (status) (count_over_time({service_name="checkout", env="production"} |= "payment" | json | status >= 500 [5m]))"#;
    let lines = [
        "sum by (status)(",
        r#"  count_over_time({service_name="checkout", env="production"} |= "payment" | json | status>=500[5m])"#,
        ")",
    ];
    assert_eq!(format_query(&parse(text).unwrap()), lines.join("\n"));
}

#[test]
fn depth_is_bounded() {
    let hostile = [
        format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{}vector(1){}", "sum(".repeat(20_000), ")".repeat(20_000)),
        format!("vector(1){}", "+vector(1)".repeat(10_000)),
        format!(r#"{{a="b"}} | {}x=1{}"#, "(".repeat(50_000), ")".repeat(50_000)),
        format!(r#"{{a="b"}} | x=1{}"#, ",x=1".repeat(20_000)),
        format!(r#"rate({}{{a="b"}}[1m]{})"#, "(".repeat(50_000), ")".repeat(50_000)),
        format!(r#"{}{{a="b"}}"#, "(".repeat(100_000)),
    ];
    for text in hostile {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("nested deeper"), "{error}");
    }
    let wide = format!(r#"{{a="b"}} | x=1{}"#, " or x=1".repeat(10_000));
    assert!(parse(&wide).is_ok());
}

#[test]
fn spans_point_into_the_text() {
    let text = r#"{a="b"} |= "x" | json"#;
    let Expr::Log(log) = parse(text).unwrap() else { panic!("not a log query") };
    let stages: Vec<_> = log.stages.iter().map(|stage| &text[stage.span.start..stage.span.end]).collect();
    assert_eq!(stages, [r#"|= "x""#, "| json"]);
    assert_eq!(&text[log.span.start..log.span.end], text);
}
