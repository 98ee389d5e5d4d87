//! How much the bearer of one token may ask of the server: two buckets for each, one of requests and one of bytes, which fill up again
//! with time (a token bucket). They are in memory, of this process alone.

use crate::{config::Limits, refusal::Refusal};
use std::{
    collections::HashMap,
    num::NonZeroU64,
    sync::{Mutex, PoisonError},
};
use tokio::time::Instant;

/// The most holders that are told apart; further ones share their buckets.
const MAX_HOLDERS: usize = 65_536;

/// Who is counted: a digest of the subject, or of the token where there is none. All zeros: everybody whom nothing tells apart.
pub(crate) type Holder = [u8; 16];

/// What each holder has left.
pub(crate) struct Rates {
    requests: Option<Rate>,
    bytes: Option<Rate>,
    holders: Mutex<HashMap<Holder, Buckets>>,
}

#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    most: f64,
}

/// What was left at a moment.
struct Buckets {
    at: Instant,
    requests: f64,
    bytes: f64,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = |per_second: Option<NonZeroU64>, most: u64| {
            per_second.map(|it| Rate { per_second: it.get() as f64, most: most.max(1) as f64 })
        };
        let largest = u64::try_from(limits.max_body).unwrap_or(u64::MAX);
        Self {
            requests: rate(limits.rate, limits.burst),
            bytes: rate(limits.byte_rate, largest.max(limits.byte_rate.map_or(0, NonZeroU64::get))),
            holders: Mutex::default(),
        }
    }

    /// Counts a request.
    pub(crate) fn request(&self, holder: Holder) -> Result<(), Refusal> {
        self.take(holder, Instant::now(), 1.0, self.requests, |buckets| &mut buckets.requests)
            .map_err(|wait| Refusal::rate_limited("requests", wait))
    }

    /// Counts a pushed body.
    pub(crate) fn bytes(&self, holder: Holder, count: usize) -> Result<(), Refusal> {
        self.take(holder, Instant::now(), count as f64, self.bytes, |buckets| &mut buckets.bytes)
            .map_err(|wait| Refusal::rate_limited("bytes", wait))
    }

    /// Takes out of a bucket if there is anything in it: it may owe something afterwards, so that no size is refused for ever. Else in how
    /// many seconds there will be.
    fn take(
        &self,
        holder: Holder,
        now: Instant,
        count: f64,
        rate: Option<Rate>,
        bucket: impl Fn(&mut Buckets) -> &mut f64,
    ) -> Result<(), u64> {
        let Some(rate) = rate else { return Ok(()) };
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if holders.len() >= MAX_HOLDERS && !holders.contains_key(&holder) {
            holders.retain(|_, buckets| {
                self.fill(buckets, now);
                !self.is_full(buckets)
            });
        }
        let holder =
            if holders.len() < MAX_HOLDERS || holders.contains_key(&holder) { holder } else { [0; 16] };
        let full = |rate: Option<Rate>| rate.map_or(0.0, |rate| rate.most);
        let (requests, bytes) = (full(self.requests), full(self.bytes));
        let buckets = holders.entry(holder).or_insert(Buckets { at: now, requests, bytes });
        self.fill(buckets, now);
        let left = bucket(buckets);
        // One request needs a whole one; of bytes, any.
        let needed = if count > 1.0 { f64::MIN_POSITIVE } else { count };
        if *left >= needed {
            *left -= count;
            return Ok(());
        }
        Err((((needed - *left) / rate.per_second).ceil() as u64).max(1))
    }

    fn fill(&self, buckets: &mut Buckets, now: Instant) {
        let seconds = now.saturating_duration_since(buckets.at).as_secs_f64();
        buckets.at = now;
        for (left, rate) in [(&mut buckets.requests, self.requests), (&mut buckets.bytes, self.bytes)] {
            if let Some(Rate { per_second, most }) = rate {
                *left = (*left + seconds * per_second).min(most);
            }
        }
    }

    fn is_full(&self, buckets: &Buckets) -> bool {
        self.requests.is_none_or(|rate| buckets.requests >= rate.most)
            && self.bytes.is_none_or(|rate| buckets.bytes >= rate.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rates() -> Rates {
        let two = NonZeroU64::new(2);
        Rates::new(&Limits { rate: two, burst: 3, byte_rate: two, max_body: 100, ..Limits::default() })
    }

    fn holder(number: usize) -> Holder {
        (number as u128 + 1).to_be_bytes()
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (rates, begin) = (rates(), Instant::now());
        let ask = |at: u64| {
            let now = begin + Duration::from_millis(at);
            rates.take(holder(0), now, 1.0, rates.requests, |buckets| &mut buckets.requests)
        };
        let answers = [0, 0, 0, 0, 400, 500, 500, 60_000, 60_000, 60_000, 60_000].map(ask);
        let no = Err(1);
        assert_eq!(answers, [Ok(()), Ok(()), Ok(()), no, no, Ok(()), no, Ok(()), Ok(()), Ok(()), no]);
    }

    #[test]
    fn a_large_push_is_taken_and_paid_off() {
        let (rates, begin) = (rates(), Instant::now());
        let push = |at: u64, count: f64| {
            let now = begin + Duration::from_secs(at);
            rates.take(holder(0), now, count, rates.bytes, |buckets| &mut buckets.bytes)
        };
        assert_eq!([push(0, 90.0), push(0, 90.0), push(1, 5.0)], [Ok(()), Ok(()), Err(39)]);
        assert_eq!([push(39, 5.0), push(41, 5.0)], [Err(1), Ok(())]);
    }

    #[test]
    fn holders_are_bounded() {
        let (rates, now) = (rates(), Instant::now());
        let ask = |number, now| {
            rates.take(holder(number), now, 1.0, rates.requests, |buckets| &mut buckets.requests)
        };
        for number in 0..MAX_HOLDERS + 3 {
            assert_eq!(ask(number, now), Ok(()));
        }
        assert_eq!(ask(MAX_HOLDERS + 3, now), Err(1), "the last ones share one bucket");
        assert_eq!(ask(0, now), Ok(()));
        assert_eq!(ask(MAX_HOLDERS + 3, now + Duration::from_secs(9)), Ok(()));
        assert_eq!(rates.holders.lock().unwrap().len(), 1, "those that are full again are forgotten");
    }
}
