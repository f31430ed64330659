//! Go's layouts of times, cut into their elements: the reference time is `Mon Jan 2 15:04:05 MST 2006`.

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a layout names, longest first where one begins another.
const ELEMENTS: &[(&str, Element)] = &[
    ("January", Element::Month),
    ("Jan", Element::MonthShort),
    ("Monday", Element::Weekday),
    ("Mon", Element::WeekdayShort),
    ("MST", Element::ZoneName),
    ("2006", Element::Year),
    ("002", Element::YearDay),
    ("__2", Element::YearDaySpaced),
    ("_2006", Element::YearAfterLine),
    ("_2", Element::DaySpaced),
    ("01", Element::MonthTwo),
    ("02", Element::DayTwo),
    ("03", Element::Hour12Two),
    ("04", Element::MinuteTwo),
    ("05", Element::SecondTwo),
    ("06", Element::YearTwo),
    ("15", Element::Hour),
    ("1", Element::MonthNumber),
    ("2", Element::Day),
    ("3", Element::Hour12),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::Noon(true)),
    ("pm", Element::Noon(false)),
    ("Z07:00:00", Element::Offset { z: true, colon: true, parts: 3 }),
    ("Z070000", Element::Offset { z: true, colon: false, parts: 3 }),
    ("Z07:00", Element::Offset { z: true, colon: true, parts: 2 }),
    ("Z0700", Element::Offset { z: true, colon: false, parts: 2 }),
    ("Z07", Element::Offset { z: true, colon: false, parts: 1 }),
    ("-07:00:00", Element::Offset { z: false, colon: true, parts: 3 }),
    ("-070000", Element::Offset { z: false, colon: false, parts: 3 }),
    ("-07:00", Element::Offset { z: false, colon: true, parts: 2 }),
    ("-0700", Element::Offset { z: false, colon: false, parts: 2 }),
    ("-07", Element::Offset { z: false, colon: false, parts: 1 }),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Month,
    MonthShort,
    MonthTwo,
    MonthNumber,
    Weekday,
    WeekdayShort,
    Day,
    DayTwo,
    DaySpaced,
    YearDay,
    YearDaySpaced,
    Year,
    YearTwo,
    /// `_2006` is a line and a year, not a spaced day.
    YearAfterLine,
    Hour,
    Hour12,
    Hour12Two,
    Minute,
    MinuteTwo,
    Second,
    SecondTwo,
    /// `PM`, or `pm` if not.
    Noon(bool),
    ZoneName,
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// `.000` has all its digits, `.999` none that are zero at the end.
    Fraction {
        digits: usize,
        zeros: bool,
        comma: bool,
    },
}

/// The text before the next element, the element, and what follows.
pub(super) fn next_element(layout: &str) -> Option<(&str, Element, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some((element, length)) = fraction_at(rest) {
            return Some((&layout[..at], element, &rest[length..]));
        }
        let found = ELEMENTS.iter().find(|(text, element)| {
            // `Jan` and `Mon` begin no longer words.
            let word = matches!(element, Element::MonthShort | Element::WeekdayShort);
            rest.starts_with(text) && !(word && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()))
        });
        if let Some((text, element)) = found {
            return Some((&layout[..at], *element, &rest[text.len()..]));
        }
    }
    None
}

pub(super) fn fraction_at(rest: &str) -> Option<(Element, usize)> {
    let digit = *rest.as_bytes().get(1).filter(|d| matches!(d, b'0' | b'9'))?;
    if !rest.starts_with(['.', ',']) {
        return None;
    }
    let digits = rest.as_bytes()[1..].iter().take_while(|d| **d == digit).count();
    let followed = rest.as_bytes().get(digits + 1).is_some_and(u8::is_ascii_digit);
    let comma = rest.starts_with(',');
    (!followed).then_some((Element::Fraction { digits, zeros: digit == b'0', comma }, digits + 1))
}
