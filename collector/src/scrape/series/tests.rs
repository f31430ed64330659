use std::path::Path;

use store::Snapshot;
use store::model::{Batch, LabelMatcher, MatchOp, RequestCtx, Role, SampleBatch, Tenant};

use super::*;
use crate::scrape::config::{Format, ScrapeFile};
use crate::scrape::exposition::{self, Native};

fn job(keys: &str) -> Job {
    let text = format!("scrape_configs: [{{job_name: j, {keys}}}]");
    ScrapeFile::parse(&text, Path::new(".")).unwrap().jobs.remove(0)
}

fn target() -> LabelMap {
    [("job", "j"), ("instance", "a:1")].into_iter().collect()
}

/// One scrape of a text at a time in seconds; an error fails it.
fn scrape(
    series: &mut TargetSeries,
    job: &Job,
    seconds: i64,
    text: &str,
) -> (SampleBatch, Result<Counts, String>) {
    let target = target();
    let now_ms = seconds * 1000;
    let rules = Rules { job, target: &target, now_ms, latest_ms: now_ms + 60_000 };
    let mut round = series.round(&rules);
    let native = Native { taken: false, classic_too: false };
    let read = exposition::read(Format::Text0, text.as_bytes(), native, &mut |entry| round.take(entry));
    match read {
        Ok(()) => {
            let (builder, _, counts) = round.finish();
            (builder.finish(), Ok(counts))
        }
        Err(error) => (round.fail().0.finish(), Err(error.to_string())),
    }
}

/// `name{labels} time=value …` of all series, stale markers as `stale`.
fn shown(batches: &[SampleBatch]) -> Vec<String> {
    let snapshot = Snapshot::of_batches(batches.iter().cloned().map(Batch::Samples));
    let tenant = Tenant::authenticated("t").unwrap();
    let ctx = RequestCtx::new(tenant, "t", Role::Read, None, store::model::Budget::new(1 << 20));
    let every = LabelMatcher::new("__name__", MatchOp::NotEqual, "").unwrap();
    let query =
        store::SeriesQuery { matchers: vec![every], start_ms: i64::MIN, end_ms: i64::MAX, totals: false };
    let found = snapshot.select(&ctx, &query).unwrap();
    let line = |series: &store::SeriesSamples| {
        let labels: Vec<String> =
            series.labels.iter().filter(|(n, _)| *n != "__name__").map(|(n, v)| format!("{n}={v}")).collect();
        let values: Vec<String> = series
            .times
            .iter()
            .zip(&series.values)
            .map(|(time, value)| match value.to_bits() == STALE.to_bits() {
                true => format!("{}=stale", time / 1000),
                false => format!("{}={value}", time / 1000),
            })
            .collect();
        format!("{}{{{}}} {}", series.labels.metric_name(), labels.join(","), values.join(" "))
    };
    found.iter().map(line).collect()
}

#[test]
fn a_series_that_is_gone_ends_and_one_that_comes_back_goes_on() {
    let (mut series, job) = (TargetSeries::default(), job(""));
    let texts = ["a 1\nb 2\n", "a 3\n", "a 4\nb 5\n"];
    let scraped: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| scrape(&mut series, &job, 10 * n as i64, text)).collect();
    let counts: Vec<_> = scraped.iter().map(|(_, counts)| counts.clone().unwrap()).collect();
    assert_eq!(
        counts.iter().map(|c| (c.scraped, c.kept, c.added)).collect::<Vec<_>>(),
        [(2, 2, 2), (1, 1, 0), (2, 2, 1)]
    );
    let batches: Vec<_> = scraped.into_iter().map(|(batch, _)| batch).collect();
    assert_eq!(
        shown(&batches),
        ["a{instance=a:1,job=j} 0=1 10=3 20=4", "b{instance=a:1,job=j} 0=2 10=stale 20=5"]
    );
}

#[test]
fn a_failed_scrape_ends_all_series_and_stores_none_of_its_own() {
    let (mut series, job) = (TargetSeries::default(), job("sample_limit: 2"));
    let (first, _) = scrape(&mut series, &job, 0, "a 1\nb 2\n");
    let (second, result) = scrape(&mut series, &job, 10, "a 3\nb 4\nc 5\n");
    assert_eq!(result.unwrap_err(), "more than 2 samples: sample_limit");
    let (third, _) = scrape(&mut series, &job, 20, "a 6\n");
    assert_eq!(
        shown(&[first, second, third]),
        ["a{instance=a:1,job=j} 0=1 10=stale 20=6", "b{instance=a:1,job=j} 0=2 10=stale"]
    );
}

#[test]
fn labels_of_target_and_sample_meet_as_in_prometheus() {
    let text =
        "# TYPE h histogram\nh_bucket{le=\"1\",job=\"own\",exported_job=\"x\"} 1\nm{instance=\"\"} 2\n";
    let (batch, _) = scrape(&mut TargetSeries::default(), &job(""), 0, text);
    assert_eq!(
        shown(&[batch]),
        [
            "h_bucket{exported_exported_job=own,exported_job=x,instance=a:1,job=j,le=1.0} 0=1",
            "m{instance=a:1,job=j} 0=2"
        ]
    );
    let (batch, _) = scrape(&mut TargetSeries::default(), &job("honor_labels: true"), 0, text);
    assert_eq!(shown(&[batch]), ["h_bucket{exported_job=x,instance=a:1,job=own,le=1.0} 0=1", "m{job=j} 0=2"]);
}

#[test]
fn own_times_are_honoured_and_end_without_a_mark() {
    let texts = [(0, "a 1 5000\n"), (10, "b 1\n")];
    let run = |keys: &str| {
        let (mut series, job) = (TargetSeries::default(), job(keys));
        let batches: Vec<_> = texts.iter().map(|(at, text)| scrape(&mut series, &job, *at, text).0).collect();
        shown(&batches).remove(0)
    };
    assert_eq!(run(""), "a{instance=a:1,job=j} 5=1");
    assert_eq!(run("track_timestamps_staleness: true"), "a{instance=a:1,job=j} 5=1 10=stale");
    assert_eq!(run("honor_timestamps: false"), "a{instance=a:1,job=j} 0=1 10=stale");
}

#[test]
fn metric_relabelling_and_limits_see_each_series() {
    let rules = "metric_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}, \
                 {source_labels: [__name__], regex: (a), target_label: __name__, replacement: ns_$1}]";
    let (batch, counts) = scrape(&mut TargetSeries::default(), &job(rules), 0, "go_x 1\na 2\n");
    assert_eq!(shown(&[batch]), ["ns_a{instance=a:1,job=j} 0=2"]);
    assert_eq!(counts, Ok(Counts { scraped: 2, kept: 1, added: 1 }));
    for (keys, text) in [
        ("label_limit: 3", "a{b=\"c\"} 1\n"),
        ("label_name_length_limit: 8", "a{bcdefghij=\"c\"} 1\n"),
        ("label_value_length_limit: 4", "a{b=\"cdefg\"} 1\n"),
    ] {
        let (_, result) = scrape(&mut TargetSeries::default(), &job(keys), 0, text);
        assert!(result.unwrap_err().contains("limit"), "{keys}");
    }
}
