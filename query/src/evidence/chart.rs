//! A chart of one expression: its series, the threshold it is held against, when an alert fired. Values in, PNG out.

use super::canvas::{Canvas, Color};
use super::{font, png};

const WIDTH: u16 = 760;
const HEIGHT: u16 = 300;
/// Series that are drawn; more make no picture.
pub(super) const SERIES_MAX: usize = 10;
const TICKS: usize = 5;

const GROUND: Color = Color(255, 255, 255);
const GRID: Color = Color(228, 231, 236);
const INK: Color = Color(71, 84, 103);
const ALARM: Color = Color(217, 45, 32);
const LINES: [Color; SERIES_MAX] = [
    Color(21, 112, 239),
    Color(247, 144, 9),
    Color(18, 183, 106),
    Color(122, 90, 248),
    Color(6, 174, 212),
    Color(238, 70, 188),
    Color(102, 112, 133),
    Color(181, 71, 8),
    Color(2, 122, 72),
    Color(74, 31, 184),
];

#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    pub(super) title: String,
    /// Unix milliseconds.
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) series: Vec<Line>,
    pub(super) threshold: Option<f64>,
    pub(super) fired_ms: Option<i64>,
    /// Points that lie further apart are not joined.
    pub(super) gap_ms: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(i64, f64)>,
}

/// Where values and times lie on the canvas.
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    start_ms: i64,
    end_ms: i64,
    low: f64,
    high: f64,
}

impl Chart {
    pub(super) fn png(&self) -> std::io::Result<Vec<u8>> {
        let mut canvas = Canvas::new(WIDTH, HEIGHT, GROUND);
        let ticks = ticks(self.low(), self.high());
        let frame = self.frame(&ticks);
        canvas.text((12.0, 10.0), &cut(&self.title, 110), INK);
        self.axes(&mut canvas, &frame, &ticks);
        for (line, color) in self.series.iter().zip(LINES) {
            self.draw(&mut canvas, &frame, line, color);
        }
        if let Some(threshold) = self.threshold {
            let y = frame.y(threshold);
            let mut x = frame.left;
            while x < frame.left + frame.width {
                canvas.line((x, y), ((x + 6.0).min(frame.left + frame.width), y), 1.0, ALARM);
                x += 12.0;
            }
        }
        if let Some(fired_ms) = self.fired_ms {
            let x = frame.x(fired_ms);
            canvas.line((x, frame.top), (x, frame.top + frame.height), 1.0, ALARM);
        }
        self.legend(&mut canvas, &frame);
        png::encode(u32::from(WIDTH), u32::from(HEIGHT), &canvas.pixels())
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
        points.chain(self.threshold).filter(|value| value.is_finite())
    }

    /// Zero belongs to the picture unless all of it is far away.
    fn low(&self) -> f64 {
        let (low, high) = (self.values().fold(f64::INFINITY, f64::min), self.high());
        if !low.is_finite() || (low > 0.0 && low < high * 0.7) { 0.0 } else { low }
    }

    fn high(&self) -> f64 {
        let high = self.values().fold(f64::NEG_INFINITY, f64::max);
        if high.is_finite() { high } else { 1.0 }
    }

    fn frame(&self, ticks: &[f64]) -> Frame {
        let widest = ticks.iter().map(|tick| Canvas::text_width(&short(*tick))).fold(0.0, f64::max);
        let left = widest + 16.0;
        Frame {
            left,
            top: 28.0,
            width: f64::from(WIDTH) - left - 14.0,
            height: f64::from(HEIGHT) - 28.0 - 44.0,
            start_ms: self.start_ms,
            end_ms: self.end_ms.max(self.start_ms + 1),
            low: ticks.first().copied().unwrap_or(0.0),
            high: ticks.last().copied().unwrap_or(1.0),
        }
    }

    fn axes(&self, canvas: &mut Canvas, frame: &Frame, ticks: &[f64]) {
        for tick in ticks {
            let y = frame.y(*tick);
            canvas.fill((frame.left, y - 0.5), (frame.width, 1.0), GRID);
            let text = short(*tick);
            let x = frame.left - 6.0 - Canvas::text_width(&text);
            canvas.text((x, y - f64::from(font::HEIGHT) / 2.0), &text, INK);
        }
        let step_ms = time_step(self.end_ms - self.start_ms);
        let mut at_ms = self.start_ms.div_euclid(step_ms) * step_ms;
        while at_ms <= self.end_ms {
            if at_ms >= self.start_ms {
                let x = frame.x(at_ms);
                canvas.fill((x - 0.5, frame.top), (1.0, frame.height), GRID);
                let text = clock(at_ms, step_ms);
                let x = x - Canvas::text_width(&text) / 2.0;
                canvas.text((x, frame.top + frame.height + 6.0), &text, INK);
            }
            at_ms += step_ms;
        }
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame, line: &Line, color: Color) {
        let finite = line.points.iter().filter(|(_, value)| value.is_finite());
        let mut before: Option<(i64, (f64, f64))> = None;
        for (time_ms, value) in finite {
            let here = (frame.x(*time_ms), frame.y(*value));
            let from = before.filter(|(then_ms, _)| time_ms - then_ms <= self.gap_ms);
            canvas.line(from.map_or(here, |(_, there)| there), here, 2.0, color);
            before = Some((*time_ms, here));
        }
    }

    fn legend(&self, canvas: &mut Canvas, frame: &Frame) {
        let (mut x, y) = (frame.left, f64::from(HEIGHT) - 16.0);
        for (line, color) in self.series.iter().zip(LINES) {
            let name = cut(&line.name, 32);
            let width = Canvas::text_width(&name) + 24.0;
            if name.is_empty() || x + width > f64::from(WIDTH) {
                break;
            }
            canvas.fill((x, y), (8.0, 7.0), color);
            canvas.text((x + 12.0, y), &name, INK);
            x += width;
        }
    }
}

impl Frame {
    fn x(&self, time_ms: i64) -> f64 {
        let share = (time_ms - self.start_ms) as f64 / (self.end_ms - self.start_ms) as f64;
        self.left + self.width * share.clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE);
        self.top + self.height * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// Round numbers that enclose the values.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { high.abs().max(1.0) };
    let rough = span / (TICKS - 1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).floor();
    let count = ((high.max(low + span) / step).ceil() - first).clamp(1.0, 12.0) as i32;
    (0..=count).map(|n| (first + f64::from(n)) * step).collect()
}

/// Milliseconds between marks of the time axis: at most eight of them.
fn time_step(span_ms: i64) -> i64 {
    const STEPS_S: [i64; 12] = [5, 15, 30, 60, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 86_400];
    let wanted = span_ms / 8;
    let steps = STEPS_S.into_iter().map(|seconds| seconds * 1_000);
    steps.into_iter().find(|step| *step >= wanted).unwrap_or(span_ms.max(1))
}

/// `12:05`, with seconds where they differ.
fn clock(time_ms: i64, step_ms: i64) -> String {
    let seconds = time_ms.div_euclid(1_000).rem_euclid(86_400);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match step_ms < 60_000 {
        true => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        false => format!("{hours:02}:{minutes:02}"),
    }
}

/// `1.5k`, `20m`.
fn short(value: f64) -> String {
    let size = value.abs();
    let (factor, unit) = match size {
        _ if size == 0.0 => (1.0, ""),
        _ if size >= 1e9 => (1e9, "G"),
        _ if size >= 1e6 => (1e6, "M"),
        _ if size >= 1e3 => (1e3, "k"),
        _ if size < 1e-3 => (1e-6, "u"),
        _ if size < 0.1 => (1e-3, "m"),
        _ => (1.0, ""),
    };
    let text = format!("{:.2}", value / factor);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 2).chain("..".chars()).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(ticks(0.0, 9.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(0.0, 37.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert!(ticks(5.0, 5.0).len() > 2);
        for (low, high) in [(0.0, 1e-9), (-3.0, 1e12), (0.0, f64::MAX / 4.0)] {
            let ticks = ticks(low, high);
            assert!(ticks.len() < 14 && ticks[0] <= low, "{low} {high}: {ticks:?}");
        }
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!([0.0, 1_500.0, 0.02, 2e9, -3.25].map(short), ["0", "1.5k", "20m", "2G", "-3.25"]);
        assert_eq!((clock(3_725_000, 1_000), clock(3_725_000, 60_000)), ("01:02:05".into(), "01:02".into()));
        assert_eq!(time_step(3_600_000), 600_000);
    }

    #[test]
    fn any_chart_is_a_picture() {
        let line = |points: &[(i64, f64)]| Line { name: "job=\"a\"".into(), points: points.to_vec() };
        for series in [
            vec![],
            vec![line(&[])],
            vec![line(&[(0, 1.0), (1_000, 2.0), (60_000, f64::NAN), (3_600_000, 1e300)])],
            (0..20).map(|n| line(&[(0, f64::from(n)), (3_600_000, -1.0)])).collect(),
        ] {
            let chart = Chart {
                title: "Down".into(),
                end_ms: 3_600_000,
                series,
                threshold: Some(0.5),
                fired_ms: Some(9_999_999_999),
                gap_ms: 60_000,
                ..Chart::default()
            };
            let png = chart.png().unwrap();
            assert!(png.starts_with(b"\x89PNG") && png.len() < 100_000, "{}", png.len());
        }
    }
}
