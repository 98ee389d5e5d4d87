//! A log in memory that answers as the server does.

use super::{
    Gaps, MemoryLog, Offer, PageLimit, PageRefused, PushRefused, Refusal, Rights,
    domain::{Counsel, Rulings},
    request,
};
use crate::{
    sync::{
        protocol::{Cursor, MAX_PUSH_BYTES, Page},
        transport::{Answer, unescape},
    },
    time::Timestamp,
};
use serde::Serialize;
use std::str::FromStr;

/// What is said about a push before it is judged. As a pointer, so that a server without rules does not carry them.
type Rule<'a> = dyn FnMut(&MemoryLog, &Offer) -> Rulings + 'a;

impl MemoryLog {
    /// The answer of a server with this log to one exchange. `path` is below the log's URL: `/commits`,
    /// `/events?after=CURSOR&limit=N`, or nothing for what the server speaks.
    #[must_use]
    pub fn answer(&mut self, method: &str, path: &str, body: Option<&str>, now: Timestamp) -> Answer {
        self.answer_for(&Rights::default(), method, path, body, now)
    }

    /// The same for a client with these rights.
    #[must_use]
    pub fn answer_for(
        &mut self,
        rights: &Rights,
        method: &str,
        path: &str,
        body: Option<&str>,
        now: Timestamp,
    ) -> Answer {
        self.exchange(&mut |_, _| Rulings::default(), rights, method, path, body, now)
    }

    /// The same of a server that has the app's rules.
    #[must_use]
    pub fn answer_by(
        &mut self,
        rules: &mut Counsel,
        rights: &Rights,
        method: &str,
        path: &str,
        body: Option<&str>,
        now: Timestamp,
    ) -> Answer {
        self.exchange(&mut |log, offer| log.ask(rules, offer, now), rights, method, path, body, now)
    }

    fn exchange(
        &mut self,
        rule: &mut Rule<'_>,
        rights: &Rights,
        method: &str,
        path: &str,
        body: Option<&str>,
        now: Timestamp,
    ) -> Answer {
        self.serve(rule, rights, method, path, body.unwrap_or_default(), now).unwrap_or_else(|refusal| {
            let body = serde_json::to_string(&refusal.problem()).unwrap_or_default();
            answer(refusal.status, "application/problem+json", body)
        })
    }

    fn serve(
        &mut self,
        rule: &mut Rule<'_>,
        rights: &Rights,
        method: &str,
        path: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let (resource, query) = path.split_once('?').unwrap_or((path, ""));
        match (method, resource) {
            ("POST", "/commits") => {
                let mut offer = Offer { rights: rights.clone(), ..request::read_push(body.as_bytes())? };
                offer.rulings = rule(self, &offer);
                let pushed = self.push(offer, now);
                json(&pushed.map_err(|error| match error {
                    PushRefused::Cursor(error) => error.into(),
                    PushRefused::Fenced(error) => error.into(),
                    PushRefused::Overtaken(error) => Refusal::busy(error.to_string()),
                    PushRefused::NotJson(error) => Refusal::invalid(error.to_string()),
                })?)
            }
            ("GET", "/events") => {
                let (after, limit, gaps) = asked(query)?;
                let limit = PageLimit { gaps, ..self.page_limit(request::page_events(limit)?) };
                let page = self.page(&after, limit, &request::followed(query)?.both(&rights.read));
                let page = page.map_err(|refused| match refused {
                    PageRefused::Cursor(error) => Refusal::from(error),
                    PageRefused::Gap(gap) => gap.into(),
                })?;
                json(&Page { scope: rights.read.fingerprint(), ..page })
            }
            ("GET", "/archived") => {
                let (after, limit, _) = asked(query)?;
                let streams = request::followed(query)?.both(&rights.read);
                json(&self.archived(&after, request::page_events(limit)?, &streams)?)
            }
            ("GET", "") => json(&request::about(MAX_PUSH_BYTES, None, &[])),
            _ => Err(Refusal::not_found(format!("there is nothing at {method} {resource}"))),
        }
    }
}

fn asked(query: &str) -> Result<(Cursor, Option<usize>, Gaps), Refusal> {
    let (mut after, mut limit, mut gaps) = (Cursor::default(), None, Gaps::default());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "after" => after = Cursor(unescape(value)),
            "limit" => limit = Some(number(name, value)?),
            "archived" => gaps = Gaps::asked(&unescape(value)),
            "protocol" => request::check_protocol(Some(number(name, value)?))?,
            _ => {}
        }
    }
    Ok((after, limit, gaps))
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, Refusal> {
    value.parse().map_err(|_| Refusal::invalid(format!("{name} is {value:?}")))
}

fn json<T: Serialize>(value: &T) -> Result<Answer, Refusal> {
    let body = serde_json::to_string(value).map_err(|error| Refusal::invalid(error.to_string()))?;
    Ok(answer(200, "application/json", body))
}

fn answer(status: u16, content_type: &str, body: String) -> Answer {
    Answer { status, content_type: content_type.into(), body, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn ask(method: &str, path: &str, body: Option<&str>) -> Answer {
        MemoryLog::new(Uuid::from_u128(7)).answer(method, path, body, Timestamp(0))
    }

    #[track_caller]
    fn refused(method: &str, path: &str, body: Option<&str>, status: u16, part: &str) {
        let answer = ask(method, path, body);
        assert_eq!((answer.status, &*answer.content_type), (status, "application/problem+json"));
        assert!(answer.body.contains(part), "{}", answer.body);
    }

    #[test]
    fn requests_are_answered_in_the_words_of_the_protocol() {
        let page = ask("GET", "/events?after=&limit=5", None);
        assert_eq!((page.status, &*page.content_type), (200, "application/json"));
        assert!(page.body.contains(r#""commits":[]"#) && page.body.contains(r#""upToDate":true"#));
        refused("GET", "/events?limit=0", None, 400, "limit is 0");
        refused("GET", "/events?limit=many", None, 400, "many");
        refused("GET", "/events?after=no%20cursor", None, 400, "invalid-cursor");
        refused("GET", "/commits", None, 404, "not-found");
        refused("POST", "/commits", None, 400, "invalid-request");
        for (method, path, body) in
            [("POST", "/commits", Some(r#"{"protocol":99}"#)), ("GET", "/events?protocol=99", None)]
        {
            refused(method, path, body, 400, "unsupported-protocol");
            refused(method, path, body, 400, r#""supported":[1]"#);
        }
        refused("GET", "/events?protocol=one", None, 400, "protocol is");
        assert_eq!(ask("GET", "/events?protocol=1", None).status, 200);
        assert!(ask("GET", "", None).body.starts_with(r#"{"protocols":[1],"limits":{"pushBytes":4194304,"#));
    }
}
