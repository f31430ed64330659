//! Dates in UTC: the proleptic Gregorian calendar without leap seconds.

/// A moment as the calendar shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    /// 0 is Sunday.
    pub weekday: u32,
    /// From 1.
    pub yearday: u32,
}

const DAY_SECONDS: i64 = 86_400;

// === impl Civil ===

impl Civil {
    /// Counts years from March, so that the leap day is a year's last (Hinnant, "chrono-compatible low-level date
    /// algorithms").
    pub(crate) fn from_unix(seconds: i64) -> Self {
        let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
        let month = (if march_month < 10 { march_month + 3 } else { march_month - 9 }) as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let before: u32 = (1..month).map(|m| days_in(year, m)).sum();
        Self {
            year,
            month,
            day,
            hour: (second / 3_600) as u32,
            minute: (second / 60 % 60) as u32,
            weekday: (days + 4).rem_euclid(7) as u32,
            yearday: before + day,
        }
    }
}

/// A moment as RFC 3339 writes it, to the second.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let c = Civil::from_unix(seconds);
    let second = seconds.rem_euclid(60);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{second:02}Z", c.year, c.month, c.day, c.hour, c.minute)
}

fn days_in(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(super) fn days_in_month(c: &Civil) -> f64 {
    f64::from(days_in(c.year, c.month))
}

pub(super) fn day_of_month(c: &Civil) -> f64 {
    f64::from(c.day)
}

pub(super) fn day_of_week(c: &Civil) -> f64 {
    f64::from(c.weekday)
}

pub(super) fn day_of_year(c: &Civil) -> f64 {
    f64::from(c.yearday)
}

pub(super) fn hour(c: &Civil) -> f64 {
    f64::from(c.hour)
}

pub(super) fn minute(c: &Civil) -> f64 {
    f64::from(c.minute)
}

pub(super) fn month(c: &Civil) -> f64 {
    f64::from(c.month)
}

pub(super) fn year(c: &Civil) -> f64 {
    c.year as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_show_their_date() {
        for (seconds, year, month, day, hour, minute, weekday, yearday) in [
            (0, 1970, 1, 1, 0, 0, 4, 1),
            (-1, 1969, 12, 31, 23, 59, 3, 365),
            (951_782_400, 2000, 2, 29, 0, 0, 2, 60),
            (1_709_251_199, 2024, 2, 29, 23, 59, 4, 60),
            (4_107_542_400, 2100, 3, 1, 0, 0, 1, 60),
        ] {
            let want = Civil { year, month, day, hour, minute, weekday, yearday };
            assert_eq!(Civil::from_unix(seconds), want, "{seconds}");
        }
    }
}
