//! Files of tests, with what is to come of them.

use super::*;

const RULES: &str = r#"
groups:
  - name: shop
    rules:
      - {record: 'job:orders:rate', expr: 'sum by (job) (rate(orders_total[2m]))'}
      - alert: NoOrders
        expr: job:orders:rate == 0
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} in {{ $externalLabels.cluster }}'}
  - name: lines
    rules:
      - {alert: Failures, expr: 'sum by (service_name) (count_over_time({app="x"} |= "failed" [1m])) > 2'}
  - name: spans
    rules:
      - {alert: Errors, expr: '{ status = error } | count_over_time() by (resource.service.name) > 1', range: 1m}
"#;

fn outcome(tests: &str) -> UnitTests {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    let path = folder.path().join("tests.yml");
    std::fs::write(&path, format!("rule_files: ['*rules.yml']\n{tests}")).unwrap();
    test_rules(&path, None)
}

/// What stands in the failures of a file with one test.
fn failures(test: &str) -> Vec<String> {
    outcome(&format!("tests:\n{test}")).failures
}

const STOPPED: &str = "
  - interval: 1m
    external_labels: {cluster: eu}
    input_series: [{series: 'orders_total{job=\"cart\"}', values: '0+60x3 180x10'}]
";

#[test]
fn what_holds_passes() {
    let holds = format!(
        "{STOPPED}
    alert_rule_test:
      - {{eval_time: 5m, alertname: NoOrders, exp_alerts: []}}
      - eval_time: 8m30s
        alertname: NoOrders
        exp_alerts: [{{exp_labels: {{severity: page, job: cart}}, exp_annotations: {{summary: cart in eu}}}}]
    promql_expr_test:
      - {{expr: 'job:orders:rate', eval_time: 3m, exp_samples: [{{labels: 'job:orders:rate{{job=\"cart\"}}', value: 1}}]}}
      - {{expr: 'ALERTS{{alertstate=\"pending\"}} * 0', eval_time: 5m, exp_samples: [{{labels: '{{alertname=\"NoOrders\",alertstate=\"pending\",job=\"cart\",severity=\"page\"}}', value: 0}}]}}
"
    );
    let outcome = outcome(&format!("evaluation_interval: 1m\ntests:\n{holds}"));
    assert_eq!(outcome, UnitTests { passed: 1, ..UnitTests::default() });
}

#[test]
fn what_does_not_hold_is_one_line() {
    let fails = format!(
        "{STOPPED}
    name: stop
    alert_rule_test: [{{eval_time: 9m, alertname: NoOrders, exp_alerts: []}}]
    promql_expr_test:
      - {{expr: 'sum(orders_total)', eval_time: 1m, exp_samples: [{{value: 61}}]}}
      - {{expr: 'sum(', eval_time: 1m}}
"
    );
    let failures = failures(&fails);
    assert_eq!(failures.len(), 3, "{failures:#?}");
    assert_eq!(
        failures[0],
        "test \"stop\": alertname: NoOrders, time: 9m: expected [], got [{alertname=\"NoOrders\", job=\"cart\", \
         severity=\"page\"} {summary=\"cart in eu\"}]"
    );
    assert_eq!(
        failures[1],
        "test \"stop\": expr: \"sum(orders_total)\", time: 1m: expected {} 6.1E1, got {} 6E1"
    );
    assert!(failures[2].contains("expr: \"sum(\""), "{}", failures[2]);
    assert!(failures.iter().all(|failure| !failure.contains('\n')));
}

#[test]
fn histograms_are_compared_with_their_hints() {
    let test = |histogram: &str| {
        failures(&format!(
            "
  - input_series: [{{series: h, values: '{{{{schema:0 sum:3 count:2 buckets:[2]}}}}x2'}}]
    promql_expr_test: [{{expr: h, eval_time: 1m, exp_samples: [{{labels: h, histogram: '{{{{{histogram}}}}}'}}]}}]
"
        ))
    };
    assert_eq!(test("sum:3 count:2 buckets:[2] counter_reset_hint:not_reset"), [] as [String; 0]);
    assert_eq!(test("sum:3 count:2 buckets:[2]").len(), 1);
    assert_eq!(test("sum:3 count:2 buckets:[1 1] counter_reset_hint:not_reset").len(), 1);
}

#[test]
fn lines_and_spans_come_in_too() {
    let test = "
  - interval: 1m
    input_logs:
      - {stream: '{app=\"x\", service_name=\"cart\"}', line: 'order failed', at: 10s, every: 10s, times: 5}
      - {stream: '{app=\"x\", service_name=\"pay\"}', line: 'order failed', at: 10s}
    input_spans:
      - {service: cart, name: charge, status: error, at: 65s, every: 1s, times: 2, attributes: {retries: 2}}
      - {service: pay, name: charge, at: 65s}
    alert_rule_test:
      - {eval_time: 1m, alertname: Failures, exp_alerts: [{exp_labels: {service_name: cart}}]}
      - {eval_time: 1m, alertname: Errors, exp_alerts: []}
      - {eval_time: 2m, alertname: Failures, exp_alerts: []}
      - {eval_time: 2m, alertname: Errors, exp_alerts: [{exp_labels: {service_name: cart}}]}
    promql_expr_test:
      - {expr: '{ span.retries = 2 } | count_over_time()', eval_time: 2m, exp_samples: [{value: 2}]}
      - {expr: 'sum(count_over_time({app=\"x\"}[5m]))', language: logql, eval_time: 2m, exp_samples: [{value: 6}]}
";
    assert_eq!(failures(test), [] as [String; 0]);
}

#[test]
fn an_alert_goes_on_while_its_weaker_expression_holds() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("rules.yml", "groups: [{name: g, rules: [{alert: Full, expr: x > 9, keep_firing_while: x > 5}]}]");
    write(
        "tests.yml",
        "rule_files: [rules.yml]
tests:
  - input_series: [{series: x, values: '8 10 8 6 4 8'}]
    alert_rule_test:
      - {eval_time: 0m, alertname: Full, exp_alerts: []}
      - {eval_time: 1m, alertname: Full, exp_alerts: [{}]}
      - {eval_time: 3m, alertname: Full, exp_alerts: [{}]}
      - {eval_time: 4m, alertname: Full, exp_alerts: []}
      - {eval_time: 5m, alertname: Full, exp_alerts: []}
",
    );
    let outcome = test_rules(&folder.path().join("tests.yml"), None);
    assert_eq!(outcome, UnitTests { passed: 1, ..UnitTests::default() });
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    for (test, wanted) in [
        ("evaluation_interval: 5", "evaluation_interval"),
        ("group_eval_order: [a, a]", "twice"),
        ("tests: [{input_series: [{series: 'a{', values: '1'}]}]", "series \"a{\""),
        ("tests: [{input_series: [{series: a, values: '1x9999999999'}]}]", "at most"),
        ("tests: [{alert_rule_test: [{eval_time: 1m}]}]", "alertname"),
        ("tests: [{promql_expr_test: [{expr: a, eval_time: 200y}]}]", "evaluations"),
        ("tests: [{input_logs: [{stream: '{a=\"b\"}', line: x, times: 2}]}]", "every"),
        ("tests: [{input_spans: [{service: a, name: b, status: bad}]}]", "unset, ok, error"),
        ("tests: [{input_sereis: []}]", "input_sereis"),
    ] {
        let failures = outcome(test).failures;
        assert!(failures.iter().any(|failure| failure.contains(wanted)), "{test}: {failures:?}");
    }
    assert_eq!(test_rules(Path::new("/none.yml"), None).failures.len(), 1);
}

#[test]
fn tests_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tests.yml");
    let case = |name: &str, value: u8| {
        format!(
            "  - {{name: {name}, promql_expr_test: [{{expr: '1', exp_samples: [{{value: {value}}}]}}]}}\n"
        )
    };
    std::fs::write(&path, format!("tests:\n{}{}", case("right", 1), case("wrong", 2))).unwrap();
    let run = |regex: &str| test_rules(&path, Some(&test_names(regex).unwrap()));
    assert_eq!((run("ri").passed, run("ri").failures.len()), (1, 0));
    assert_eq!((run("g").passed, run("g").failures.len()), (1, 1));
}
