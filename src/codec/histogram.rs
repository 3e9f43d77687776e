//! Histograms of durations: percentiles to within a thousandth, from few bytes, and of any number of
//! them together as if all had been recorded in one (HdrHistogram, by Gil Tene).
//!
//! The encoding, which stands in the file: a byte `1`; the sum of all durations in microseconds; then
//! for each bucket that is not empty, from the lowest up, how far its highest value is above that of
//! the one before, and its count. All numbers have seven bits a byte, as `varint` writes them.

use hdrhistogram::Histogram as Buckets;

use super::{DecodeError, varint};

/// Digits that a bucket keeps of a value: values above 2,048 lose at most a thousandth.
const DIGITS: u8 = 3;
/// The longest duration that is told apart from longer ones: a day.
pub const MICROS_MAX: u64 = 24 * 3600 * 1_000_000;
/// The most that one bucket of an encoding counts; with it no sum of counts comes near its end.
const COUNT_MAX: u64 = 1 << 40;
/// The most that a histogram counts.
const TOTAL_MAX: u64 = 1 << 60;
/// The first byte of an encoding.
const FORM: u8 = 1;

/// How often durations of which length were recorded. It takes up to 230 KB.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    buckets: Buckets<u64>,
    sum_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        // It grows with what is recorded; 0 to 5 digits are allowed.
        let buckets = Buckets::new(DIGITS).expect("three digits are allowed");
        Histogram { buckets, sum_us: 0 }
    }
}

impl Histogram {
    /// Records a duration in microseconds; one above [`MICROS_MAX`] counts as that.
    pub fn record(&mut self, micros: u64) {
        let micros = micros.min(MICROS_MAX);
        self.put(micros, 1);
        self.sum_us = self.sum_us.saturating_add(micros);
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// The sum of all durations in microseconds, exactly.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The shortest duration in microseconds that no less than this share of all is as long as or
    /// shorter than, to within a thousandth; nothing where none was recorded.
    pub fn at_share(&self, share: f64) -> Option<u64> {
        (!self.buckets.is_empty()).then(|| {
            let highest = self.buckets.value_at_quantile(share);
            highest.min(self.buckets.max()).min(MICROS_MAX)
        })
    }

    /// How many durations were no longer than this, to within a thousandth of it.
    pub fn count_to(&self, micros: u64) -> u64 {
        let recorded = self.buckets.iter_recorded();
        let within = recorded.take_while(|bucket| {
            self.buckets.lowest_equivalent(bucket.value_iterated_to()) <= micros
        });
        within.map(|bucket| bucket.count_at_value()).fold(0, u64::saturating_add)
    }

    /// Records all that another has recorded.
    pub fn merge(&mut self, other: &Histogram) {
        for bucket in other.buckets.iter_recorded() {
            self.put(bucket.value_iterated_to(), bucket.count_at_value());
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Writes it in as many bytes as it needs: about four for each bucket that is not empty.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        varint::put(&mut bytes, self.sum_us);
        let mut before = 0;
        for bucket in self.buckets.iter_recorded() {
            let highest = bucket.value_iterated_to();
            varint::put(&mut bytes, highest - before);
            varint::put(&mut bytes, bucket.count_at_value().min(COUNT_MAX));
            before = highest;
        }
        bytes
    }

    /// Records all that an encoding holds. Where that is none, an error says why, and nothing is
    /// recorded.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let refuse = |why: &str| DecodeError(format!("not a histogram: {why}"));
        let mut rest = match bytes {
            [FORM, rest @ ..] => rest,
            _ => return Err(refuse("it begins with no known form")),
        };
        let cut = || refuse("it is cut short");
        let sum_us = varint::take(&mut rest).ok_or_else(cut)?;
        let mut buckets = Vec::new();
        let mut highest: u64 = 0;
        while !rest.is_empty() {
            let step = varint::take(&mut rest).ok_or_else(cut)?;
            let count = varint::take(&mut rest).ok_or_else(cut)?;
            if (step == 0 && !buckets.is_empty()) || count == 0 {
                return Err(refuse("its buckets don't rise"));
            }
            if count > COUNT_MAX {
                return Err(refuse("a bucket counts too many"));
            }
            highest = highest
                .checked_add(step)
                .filter(|value| *value < 2 * MICROS_MAX)
                .ok_or_else(|| refuse("a bucket is beyond the longest duration"))?;
            buckets.push((highest, count));
        }
        buckets.into_iter().for_each(|(value, count)| self.put(value, count));
        self.sum_us = self.sum_us.saturating_add(sum_us);
        Ok(())
    }

    fn put(&mut self, value: u64, count: u64) {
        if self.count() <= TOTAL_MAX && self.buckets.record_n(value, count).is_err() {
            // It could not grow, so that what is too long for it counts as the longest it has.
            self.buckets.saturating_record_n(value, count);
        }
    }
}
