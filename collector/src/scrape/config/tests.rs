use super::*;

fn parse(text: &str) -> Result<ScrapeFile, String> {
    ScrapeFile::parse(text, Path::new("conf"))
}

#[test]
fn a_prometheus_yml_is_read_as_it_stands() {
    let text = r#"
global:
  scrape_interval: 15s
  evaluation_interval: 15s
  external_labels: {monitor: example}
alerting:
  alertmanagers:
    - static_configs:
        - targets: ['localhost:9093']
rule_files: [rules.yml]
remote_write:
  - url: http://elsewhere/api/v1/write
scrape_configs:
  - job_name: prometheus
    scrape_interval: 5s
    scrape_timeout: 5s
    static_configs:
      - targets: ['localhost:9090', 'localhost:9091']
        labels: {env: prod}
  - job_name: node
    scheme: https
    metrics_path: /node
    params:
      collect[]: [cpu, meminfo]
    honor_labels: true
    basic_auth: {username: scraper, password: hunter2}
    tls_config: {ca_file: ca.pem, insecure_skip_verify: true}
    file_sd_configs: [{files: ['targets/*.json']}]
    dns_sd_configs: [{names: [_http._tcp.example.org]}, {names: [db.example.org], type: A, port: 9100}]
    kubernetes_sd_configs: [{role: pod, namespaces: {names: [shop]}}]
    relabel_configs:
      - {source_labels: [__meta_dns_name], target_label: zone}
    metric_relabel_configs:
      - {source_labels: [__name__], regex: 'go_.*', action: drop}
"#;
    let file = parse(text).unwrap();
    let [first, second] = file.jobs.as_slice() else { panic!("two jobs: {file:?}") };
    assert_eq!((first.interval, first.timeout), (Duration::from_secs(5), Duration::from_secs(5)));
    assert_eq!((second.interval, second.timeout), (Duration::from_secs(15), Duration::from_secs(10)));
    assert_eq!((first.discovery.len(), second.discovery.len()), (1, 4));
    assert_eq!(second.http.tls.ca_file.as_deref(), Some(Path::new("conf/ca.pem")));
    assert!(first.formats.iter().all(|format| *format != Format::Protobuf), "no native histograms asked for");
    assert!(!format!("{file:?}").contains("hunter2"), "secrets are not shown");
}

#[test]
fn what_cannot_be_honoured_is_an_error_that_names_it() {
    let job = |keys: &str| format!("scrape_configs: [{{job_name: a, {keys}}}]");
    for (text, part) in [
        ("scrape_confgs: []".to_owned(), "scrape_confgs"),
        (job("scrape_interval: 5"), "duration"),
        (job("scrape_interval: 5s, scrape_timeout: 6s"), "greater than"),
        (job("consul_sd_configs: []"), "consul_sd_configs"),
        (job("scheme: ftp"), "ftp"),
        (job("scrape_protocols: [Thrift]"), "Thrift"),
        (job("basic_auth: {username: a}, bearer_token: b"), "more than one"),
        (job("relabel_configs: [{regex: '('}]"), "not valid"),
        (job("convert_classic_histograms_to_nhcb: true"), "not supported"),
        ("scrape_configs: [{job_name: a}, {job_name: a}]".to_owned(), "two scrape_configs"),
        ("scrape_configs: [{scrape_interval: 5s}]".to_owned(), "no job_name"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    assert_eq!(parse("# nothing yet\n").unwrap(), ScrapeFile::default());
}

#[test]
fn patterns_of_files_have_stars() {
    assert!(fits("*.json", "a.json") && fits("a*b*c", "aXbYc") && fits("x", "x"));
    assert!(!fits("*.json", "a.yml") && !fits("a*b", "ab2") && !fits("x", "xy"));
}
