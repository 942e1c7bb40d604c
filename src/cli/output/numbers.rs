//! Numbers, sizes and durations.

/// A number with its thousands apart: `20,072`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 file`, `2 files`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A size in bytes: `57 bytes`, `1.1 GiB`, `612 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return plural(bytes, "byte", "bytes");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    // What would round up to 1,024 shows in the next unit.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match value < 9.95 {
        true => format!("{value:.1} {}", UNITS[unit]),
        false => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A duration: `0.04 s`, `2.9 s`, `3 min 12 s`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 59.95 => format!("{s:.1} s"),
        s => format!("{} min {:02} s", (s.round() as u64) / 60, (s.round() as u64) % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown = [0, 999, 1000, 20_072, 1_234_567].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "20,072", "1,234,567"]);
    }

    #[test]
    fn sizes_have_two_or_three_digits() {
        let shown = [0, 1, 1023, 1024, 10_239, 1 << 20, 641 << 20, (1 << 30) - 1].map(size);
        let wanted = [
            "0 bytes",
            "1 byte",
            "1023 bytes",
            "1.0 KiB",
            "10 KiB",
            "1.0 MiB",
            "641 MiB",
            "1.0 GiB",
        ];
        let wanted = wanted.map(|w| w.replace("1023", "1,023"));
        assert_eq!(shown, wanted);
        assert_eq!(size(u64::MAX), "16 EiB");
    }

    #[test]
    fn durations_fit_their_length() {
        let shown = [0.0421, 2.94, 59.97, 192.0].map(seconds);
        assert_eq!(shown, ["0.04 s", "2.9 s", "1 min 00 s", "3 min 12 s"]);
    }
}
