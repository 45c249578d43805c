//! Sizes in bytes as people write them: `"1 MB"`, `"1.5 GiB"`, `4096`.

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(u64);

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size: write a number of bytes, or a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB")]
pub struct ByteSizeError(String);

/// Names and bytes of the units, the largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// This many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many mebibytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

/// Takes fractions that come to whole bytes, `_` between digits, and units in any case.
impl FromStr for ByteSize {
    type Err = ByteSizeError;
    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        parse(text.trim()).map(Self).ok_or_else(|| ByteSizeError(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !matches!(c, '0'..='9' | '_' | '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim();
    let factor = if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1 };
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
    let whole: u64 = whole.parse().ok()?;
    let fraction_value: u64 = fraction.parse().ok()?;
    let parts = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction_bytes = u128::from(fraction_value) * u128::from(factor);
    if !fraction_bytes.is_multiple_of(parts) {
        return None;
    }
    whole.checked_mul(factor)?.checked_add(u64::try_from(fraction_bytes / parts).ok()?)
}

/// Exact in the largest unit that divides the size, such as `1 MB`; where only bytes do, cut to tenths of a
/// binary unit, such as `1.1 MiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        let binary = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && bytes.is_power_of_two());
        match (whole, binary) {
            (Some((name, bytes)), _) if *bytes > 1 => write!(f, "{} {name}", self.0 / bytes),
            (_, Some((name, bytes))) if *bytes > 1 => {
                let tenths = u128::from(self.0) * 10 / u128::from(*bytes);
                write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
            }
            _ => write!(f, "{} B", self.0),
        }
    }
}
