//! Times, in the zone in which they were read.

use aisr::object::Stamp;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

fn format(stamp: Stamp, pattern: &str) -> String {
    let offset = Offset::from_seconds(i32::from(stamp.zone) * 60);
    match (Timestamp::from_microsecond(stamp.micros), offset) {
        (Ok(time), Ok(offset)) => {
            time.to_zoned_datetime(TimeZone::fixed(offset)).strftime(pattern).to_string()
        }
        // A clock that is off by ten thousand years still deserves an honest answer.
        _ => format!("{} µs after 1970", stamp.micros),
    }
}

/// A moment for people: `2026-11-02 04:12:33 +01:00`.
pub fn moment(stamp: Stamp) -> String {
    format(stamp, "%Y-%m-%d %H:%M:%S %:z")
}

/// A moment for people, in few digits: `2026-11-02 04:12`.
pub fn minute(stamp: Stamp) -> String {
    format(stamp, "%Y-%m-%d %H:%M")
}

/// The day of a moment: `2026-11-02`.
pub fn day(stamp: Stamp) -> String {
    format(stamp, "%Y-%m-%d")
}

/// The time of day of a moment, with milliseconds: `09:14:02.113`.
pub fn clock(micros: i64, zone: i16) -> String {
    format(Stamp { micros, zone }, "%H:%M:%S%.3f")
}

/// A moment for programs (RFC 3339, microseconds).
pub fn iso(stamp: Stamp) -> String {
    format(stamp, "%Y-%m-%dT%H:%M:%S%.6f%:z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_shows_in_the_zone_it_was_read_in() {
        let stamp = Stamp { micros: 1_793_589_153_123_456, zone: 90 };
        assert_eq!(iso(stamp), "2026-11-02T04:42:33.123456+01:30");
        assert_eq!(moment(stamp), "2026-11-02 04:42:33 +01:30");
        assert_eq!(clock(stamp.micros, 0), "03:12:33.123");
        assert_eq!(
            moment(Stamp { micros: i64::MAX, zone: 0 }),
            format!("{} µs after 1970", i64::MAX)
        );
    }
}
