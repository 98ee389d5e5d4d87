//! Which pages may talk to the server from a browser (the CORS protocol of <https://fetch.spec.whatwg.org/>).

use crate::{
    config::Origins,
    feed::{STREAM_CURSOR, STREAM_NEXT_OFFSET, STREAM_UP_TO_DATE},
    requests::X_REQUEST_ID,
};
use axum::http::{
    Method,
    header::{ETAG, RETRY_AFTER, WWW_AUTHENTICATE},
};
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember a preflight's answer. Chromium caps it here.
const MAX_AGE: Duration = Duration::from_secs(7_200);

pub(crate) fn cors(origins: &Origins) -> CorsLayer {
    let origins = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(these) => AllowOrigin::list(these.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        // A wildcard would not cover Authorization.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            RETRY_AFTER,
            WWW_AUTHENTICATE,
            X_REQUEST_ID,
            ETAG,
            STREAM_CURSOR,
            STREAM_NEXT_OFFSET,
            STREAM_UP_TO_DATE,
        ])
        .max_age(MAX_AGE)
}
