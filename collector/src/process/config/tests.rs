use super::*;

fn check(text: &str) -> Result<Processing, String> {
    let raw: RawProcessing = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    raw.check()
}

#[test]
fn a_section_is_read_as_it_is_documented() {
    let processing = check(
        "
redact:
  - secrets
  - personal
  - {name: email, style: hash}
  - {name: order, regex: 'ORD-(\\d{8})', style: remove}
redact_except: [client.address]
rules:
  - name: health checks
    signals: [logs, spans]
    when:
      - {field: attribute.http.route, equals: [/healthz, /readyz]}
      - {field: severity, below: warn}
    drop: true
  - name: team
    when: [{field: service, matches: '^cart'}]
    set: {resource.team: shop, attribute.tries: 3, attribute.ok: true}
    rename: {attribute.usr: attribute.user.id}
    remove: [attribute.http.request.header.*]
quotas:
  - {service: noisy, records_per_s: 100, burst_s: 5}
  - {signals: [logs], bytes_per_s: 1048576}
",
    )
    .unwrap();
    assert!(processing.needs_key());
    let shown = processing.to_yaml();
    assert!(
        shown.starts_with("{rules: [\"health checks\", \"team\"], redact: [\"order\", \"private_key\","),
        "{shown}"
    );
    assert!(shown.ends_with("quotas: 2}"), "{shown}");
    assert_eq!(processing.0.rules[1].actions.len(), 5);
    assert!(check("{}").unwrap().0.redactor.is_none());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, part) in [
        (
            "redact: [secrats]",
            "redact[secrats]: there is no such detector: name one of secrets, personal, addresses",
        ),
        ("redact: [{name: email, regex: x}]", "redact[email]: the name is that of a detector"),
        ("redact: [{name: a b, regex: x}]", "a name has letters"),
        ("redact: [{name: a, regex: '('}]", "redact[a]: regex parse error"),
        ("redact: [{name: a, regex: 'x*'}]", "matches the empty text"),
        ("redact: [{name: a, regx: x}]", "regx"),
        ("redact: [{name: email, style: blur}]", "none of mask, hash, remove"),
        ("redact_style: blur", "redact_style"),
        ("rules: [{when: [], drop: true}]", "rules[0]: a rule has a name"),
        ("rules: [{name: a, drop: true}, {name: a, drop: true}]", "rules[a]: the name stands twice"),
        ("rules: [{name: a}]", "say one of drop, keep"),
        ("rules: [{name: a, drop: true, remove: [attribute.x]}]", "say one of drop, keep"),
        ("rules: [{name: a, signals: [log], drop: true}]", "none of logs, spans, samples"),
        ("rules: [{name: a, remove: [http.route]}]", "write attribute.NAME or resource.NAME"),
        ("rules: [{name: a, rename: {attribute.a: resource.a}}]", "stays where it is"),
        ("rules: [{name: a, drop: true, when: [{field: level, equals: x}]}]", "field \"level\" is none of"),
        ("rules: [{name: a, drop: true, when: [{field: body}]}]", "body: say one of equals"),
        (
            "rules: [{name: a, drop: true, when: [{field: body, equals: x, contains: y}]}]",
            "say one of equals",
        ),
        (
            "rules: [{name: a, drop: true, when: [{field: severity, below: loud}]}]",
            "neither a number nor a severity",
        ),
        ("rules: [{name: a, drop: true, when: [{field: body, matches: '['}]}]", "body: regex parse error"),
        ("quotas: [{service: a}]", "quotas[0]: say records_per_s"),
        ("quotas: [{records_per_s: 0}]", "above 0"),
        ("quota: []", "quota"),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    let many: String = (0..=RULES_MAX).map(|i| format!("  - {{name: r{i}, drop: true}}\n")).collect();
    assert!(check(&format!("rules:\n{many}")).unwrap_err().contains("more than 64"));
}
