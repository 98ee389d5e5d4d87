//! A histogram of durations in buckets that widen with the duration, so that microseconds and days fit into a few hundred counts.

use serde::Serialize;

/// Buckets per doubling: a bound is at most an eighth above what it bounds.
const FINE: usize = 8;
/// The power of two, in microseconds, from which everything counts as the longest: 2^40 µs are twelve days.
const LARGEST: u32 = 40;
/// The bits that choose among the buckets of one doubling.
const BITS: u32 = FINE.trailing_zeros();

/// How many durations fell into which bucket. Log-linear as HdrHistogram (<https://hdrhistogram.github.io/HdrHistogram/>) has it: the
/// memory grows with the longest duration seen, to 1.3 kB at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
    sum: f64,
    longest: f64,
}

/// What a histogram comes down to. Durations in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them took this long or less. Like the other two it is a bound: never below the true value, at most an eighth above.
    pub p50: f64,
    /// 95 of 100 took this long or less.
    pub p95: f64,
    /// 99 of 100 took this long or less.
    pub p99: f64,
    /// The longest, exactly.
    pub max: f64,
}

/// The bucket of a duration in microseconds.
fn bucket(micros: u64) -> usize {
    let micros = micros.min((1 << LARGEST) - 1);
    if micros < FINE as u64 {
        return micros as usize;
    }
    let power = micros.ilog2();
    let nth = (micros >> (power - BITS)) as usize - FINE;
    (power - BITS + 1) as usize * FINE + nth
}

/// The longest duration of a bucket, in microseconds.
fn bound(bucket: usize) -> u64 {
    if bucket < FINE {
        return bucket as u64;
    }
    let (doubling, nth) = (bucket / FINE - 1, bucket % FINE);
    (((FINE + nth + 1) as u64) << doubling) - 1
}

impl Histogram {
    /// Counts a duration in milliseconds. One that is negative or no number counts as 0: a clock has stepped back.
    pub fn record(&mut self, milliseconds: f64) {
        let milliseconds = milliseconds.max(0.0);
        let bucket = bucket((milliseconds * 1_000.0) as u64);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.sum += milliseconds;
        self.longest = self.longest.max(milliseconds);
    }

    /// The duration in milliseconds that this share of the durations, from 0 to 1, did not exceed; 0 if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                // the durations of a bucket go up to the next whole microsecond
                return ((bound(bucket) + 1) as f64 / 1_000.0).min(self.longest);
            }
        }
        self.longest
    }

    /// What it comes down to.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let mean = if self.count == 0 { 0.0 } else { self.sum / self.count as f64 };
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| self.quantile(share));
        Latency { count: self.count, mean, p50, p95, p99, max: self.longest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another_without_gap_or_overlap() {
        let last = bucket(u64::MAX);
        for index in 0..last {
            assert_eq!(bucket(bound(index)), index);
            assert_eq!(bucket(bound(index) + 1), index + 1);
        }
        assert_eq!(bound(last), (1 << LARGEST) - 1);
        assert!(last < 320, "{last} buckets");
    }

    #[test]
    fn quantiles_bound_the_true_value_by_an_eighth() {
        let mut histogram = Histogram::default();
        let mut all: Vec<f64> = (1..=10_000_u32).map(|nth| f64::from(nth).powf(1.7) / 37.0).collect();
        all.iter().rev().for_each(|duration| histogram.record(*duration));
        all.sort_by(f64::total_cmp);
        for share in [0.01, 0.5, 0.9, 0.95, 0.99, 1.0] {
            let exact = all[(share * 10_000.0) as usize - 1];
            let told = histogram.quantile(share);
            assert!(told >= exact && told <= exact * 1.126 + 0.001, "{share}: {told} of {exact}");
        }
        let Latency { count, mean, max, .. } = histogram.latency();
        assert_eq!((count, max), (10_000, *all.last().unwrap()));
        assert!((mean - all.iter().sum::<f64>() / 10_000.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_measured_and_nonsense_measured() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.latency(), Latency::default());
        [-5.0, f64::NAN, 0.0].into_iter().for_each(|nonsense| histogram.record(nonsense));
        assert_eq!((histogram.count, histogram.latency().p99), (3, 0.0));
        histogram.record(f64::MAX);
        assert_eq!(histogram.latency().max, f64::MAX);
        assert!(histogram.buckets.len() < 320);
    }
}
