//! Templates as a table: what they give, and what they refuse.

use std::collections::BTreeMap;

use super::functions::FUNCTIONS;
use super::*;

struct Row(BTreeMap<&'static str, &'static str>);

impl Scope for Row {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(|text| Cow::Borrowed(*text))
    }

    fn labels(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    }

    fn line(&self) -> &str {
        "GET /cart took 5ms"
    }

    fn timestamp(&self) -> i64 {
        1_679_577_215_250_000_000
    }

    fn now(&self) -> i64 {
        1_700_000_000_000_000_000
    }
}

fn row() -> Row {
    Row(BTreeMap::from([
        ("app", "shop"),
        ("took", "1.5s"),
        ("size", "2KB"),
        ("n", "7"),
        ("path", "/a/b c"),
        ("json", r#"{"user":{"id":3,"tags":["x","y"]},"ok":true}"#),
        ("list", r#"[{"q":"one"},{"q":"two"}]"#),
        ("big", "größe"),
    ]))
}

/// template ⇒ text; an error starts with `!`.
const CASES: &str = r#"
plain ⇒ plain
{{.app}} and {{ .missing }}. ⇒ shop and .
a {{- .app -}} b ⇒ ashopb
{{/* nothing */}}x ⇒ x
{{ __line__ | upper }} ⇒ GET /CART TOOK 5MS
{{ __timestamp__ | date "2006-01-02T15:04:05.00Z07:00" }} ⇒ 2023-03-23T13:13:35.25Z
{{ __timestamp__ }} ⇒ 2023-03-23 13:13:35.25 +0000 UTC
{{ __timestamp__ | unixEpoch }} {{ __timestamp__ | unixEpochMillis }} {{ unixEpochNanos now }} ⇒ 1679577215 1679577215250 1700000000000000000
{{ .app | ToUpper | printf "%-6s|" }} ⇒ SHOP  |
{{ if eq .app "shop" }}yes{{ else }}no{{ end }} ⇒ yes
{{ if .missing }}a{{ else if hasPrefix "sh" .app }}b{{ else }}c{{ end }} ⇒ b
{{ if and (contains "ho" .app) (not .missing) }}both{{ end }} ⇒ both
{{ or .missing .app "z" }} {{ and .app .n }} ⇒ shop 7
{{ with .missing }}a{{ else }}{{ .app }}{{ end }}{{ with .app }}<{{ . }}>{{ end }} ⇒ shop<shop>
{{ $x := .app }}{{ $x }}{{ $x = "y" }}{{ $x }} ⇒ shopy
{{ range $i, $q := fromJson .list }}{{ $i }}={{ $q.q }};{{ end }} ⇒ 0=one;1=two;
{{ range fromJson .list }}{{ .q }}{{ $.app }} {{ else }}none{{ end }} ⇒ oneshop twoshop 
{{ range fromJson .missing }}a{{ else }}none{{ end }} ⇒ none
{{ range $i, $e := fromJson "[1,2,3,4]" }}{{ if eq $i 2 }}{{ break }}{{ end }}{{ if eq $i 0 }}{{ continue }}{{ end }}{{ $e }}{{ end }} ⇒ 2
{{ range 3 }}{{ . }}{{ end }} ⇒ 012
{{ (fromJson .json).user.id }} {{ index (fromJson .json) "user" "tags" 1 }} {{ len .app }} ⇒ 3 y 4
{{ fromJson .json }} ⇒ map[ok:true user:map[id:3 tags:[x y]]]
{{ index . "app" }} {{ slice .app 1 3 }} ⇒ shop ho
{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .app }} ⇒ [shop]
{{ block "b" .n }}({{ . }}){{ end }} ⇒ (7)
{{ add .n 3 "4" }} {{ sub .n 10 }} {{ mul 2 3 4 }} {{ div .n 2 }} {{ mod .n 4 }} ⇒ 14 -3 24 3 3
{{ addf 0.1 0.2 }} {{ subf 5 1.5 }} {{ mulf 1.1 3 }} {{ divf 10 4 }} {{ divf 1 3 }} ⇒ 0.3 3.5 3.3 2.5 0.3333333333333333
{{ max 1 .n 3 }} {{ min 4 .n }} {{ maxf 1.5 2 }} {{ minf 1.5 2 }} ⇒ 7 4 2 1.5
{{ ceil 1.2 }} {{ floor 1.8 }} {{ round 1.256 2 }} {{ round 1.24 1 0.3 }} {{ int "3.9" }} {{ "2.5" | float64 }} ⇒ 2 1 1.26 1.3 3 2.5
{{ .took | duration }} {{ duration_seconds "2m" }} {{ bytes .size }} ⇒ 1.5 120 2000
{{ trunc 2 .app }} {{ trunc -2 .app }} {{ substr 1 3 .big }} {{ substr -1 2 .app }} {{ substr 2 -1 .app }} ⇒ sh op rö sh op
{{ alignLeft 6 .app }}|{{ alignRight 6 .app }}|{{ alignLeft 2 .app }}|{{ alignRight 2 .app }} ⇒ shop  |  shop|sh|op
{{ replace "o" "0" .app }} {{ Replace "aaa" "a" "b" 2 }} {{ repeat 3 "ab" }} {{ title "hello wide_world x-y" }} ⇒ sh0p bba ababab Hello Wide_world X-Y
{{ trim "  a " }}|{{ trimAll "$" "$5$" }}|{{ trimPrefix "sh" .app }}|{{ trimSuffix "op" .app }}|{{ Trim "xax" "x" }}|{{ TrimPrefix .app "s" }} ⇒ a|5|op|sh|a|hop
{{ indent 2 "a\nb" }}{{ nindent 1 "c" }} ⇒   a\n  b\n c
{{ b64enc .app }} {{ b64dec "c2hvcA" }} {{ urlencode .path }} {{ urldecode "a%2Fb+c" }} {{ html "<a>" }} ⇒ c2hvcA== shop %2Fa%2Fb+c a/b c &lt;a&gt;
{{ regexReplaceAll "(s)h(.)" .app "${2}${1}" }} {{ regexReplaceAllLiteral "o" .app "$1" }} {{ count "[aeiou]" "education" }} ⇒ osp sh$1p 5
{{ default "-" .missing }} {{ .app | default "-" }} ⇒ - shop
{{ printf "%5.1f|%-4d|%04d|%x|%q|%t|%v|%+d|%e" 3.14159 7 42 255 "a" true .app 5 12345.678 }} ⇒   3.1|7   |0042|ff|"a"|true|shop|+5|1.234568e+04
{{ printf "%d %s" .app }} ⇒ %!d(string=shop) %!s(MISSING)
{{ print "a" "b" 1 2 }} {{ 1000000.0 }} {{ 0.00001 }} {{ 3.0 }} {{ 'a' }} {{ nil | print }} ⇒ ab1 2 1e+06 1e-05 3 97 <no value>
{{ toDate "2006-01-02" "2021-11-02" | unixEpoch }} {{ unixToTime "1679577215" | date "15:04" }} {{ unixToTime "19439" | date "2006-01-02" }} ⇒ 1635811200 13:13 2023-03-23
{{ toDateInZone "2006-01-02 15:04" "UTC" "2021-11-02 10:00" | date "Mon 3PM" }} {{ toDate "2006" "x" }} ⇒ Tue 10AM 0001-01-01 00:00:00 +0000 UTC
{{ lower "ÄB" }} {{ ToLower "X" }} {{ TrimLeft "xxa" "x" }} {{ TrimRight "axx" "x" }} {{ TrimSpace " a " }} {{ TrimSuffix "ab" "b" }} {{ hasSuffix "op" .app }} {{ le 1 1 }} {{ urlquery "a b" 1 }} ⇒ äb x a a a a true true a+b1
{{ println "a" 1 }} ⇒ a 1\n
{{ lt 1 2 }} {{ ge 1.5 2.5 }} {{ ne .app "x" }} {{ eq .app "a" "shop" }} {{ gt "b" "a" }} {{ not true }} ⇒ true false true true true false
{{ div 1 0 }} ⇒ !error calling div: integer divide by zero
{{ trunc "2" .app }} ⇒ !error calling trunc: wrong type for value; expected int; got string
{{ eq 1 .app }} ⇒ !error calling eq: incompatible types for comparison
{{ .app.x }} ⇒ !can't evaluate field x in type string
{{ repeat 100000000 "x" }} ⇒ !error calling repeat: a text of more than 1048576 bytes
{{ range 1000 }}{{ range 1000 }}x{{ end }}{{ end }} ⇒ !more than 100000 steps for one line
{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }} ⇒ !templates call each other more than 32 deep
"#;

#[test]
fn templates_give_their_text() {
    for case in CASES.lines().filter(|line| !line.is_empty()) {
        let (source, wanted) = case.split_once(" ⇒ ").unwrap();
        let template = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        let text = template.render(&row()).unwrap_or_else(|error| format!("!{error}"));
        assert_eq!(text.replace('\n', "\\n"), wanted, "{source}");
    }
}

#[test]
fn what_is_no_template_is_refused() {
    for (source, wanted) in [
        ("{{", "unclosed action"),
        ("{{ .a", "unclosed action"),
        ("{{ nope .a }}", "function \"nope\" not defined"),
        ("{{ if .a }}x", "{{if}} has no {{end}}"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ $x }}", "undefined variable \"$x\""),
        ("{{ lower }}", "wrong number of args for lower: want 1 got 0"),
        ("{{ .a | \"b\" }}", "non executable command in pipeline"),
        ("{{ .a .b }}", "can't give argument to non-function"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ template \"x\" }}", "template \"x\" not defined"),
        ("{{ (lower .a }}", "unclosed left paren"),
    ] {
        assert_eq!(Template::parse(source).unwrap_err(), wanted, "{source}");
    }
    for hostile in
        ["(".repeat(10_000), "{{if .a}}".repeat(10_000), format!("{{{{{}", "(lower ".repeat(10_000))]
    {
        assert!(Template::parse(&format!("{{{{ {hostile}")).is_err());
        assert!(Template::parse(&hostile).is_err() || !hostile.contains("{{"));
    }
}

#[test]
fn the_labels_a_template_reads_are_known() {
    for (source, labels, all) in [
        ("{{ .a }} {{ $.b | lower }}{{ index . \"c\" }}", "a b c", false),
        ("{{ range fromJson .list }}{{ . }}{{ .q }}{{ end }}", "list q", false),
        ("{{ . }}", "", true),
        ("{{ range $k, $v := . }}{{ $k }}{{ end }}", "", true),
    ] {
        let template = Template::parse(source).unwrap();
        assert_eq!(template.labels().collect::<Vec<_>>().join(" "), labels, "{source}");
        assert_eq!(template.reads_all(), all, "{source}");
    }
}

#[test]
fn every_function_is_called_by_a_case() {
    for function in FUNCTIONS {
        let called =
            CASES.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == function.name);
        assert!(called, "{} has no case", function.name);
    }
}
