//! The pages for machines and people that watch: `/health`, `/ready`, `/metrics`. Text, and without a token.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Data},
};

use super::server::Shared;
use crate::metrics;

const TEXT: &str = "text/plain; charset=utf-8";

const HEALTH: &str = "/health";
const READY: &str = "/ready";
const METRICS: &str = "/metrics";

/// The paths that are answered without a token.
pub(super) const PATHS: [&str; 3] = [HEALTH, READY, METRICS];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route(HEALTH, web::get().to(health))
        .route(READY, web::get().to(ready))
        .route(METRICS, web::get().to(render_metrics))
        .default_service(web::to(|| async { not_found() }));
}

/// The process runs and answers.
async fn health() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT)).body("OK\n")
}

/// Everything that the service needs is there, and it is not on its way out.
async fn ready(shared: Data<Shared>) -> HttpResponse {
    let report = shared.readiness.report().await;
    let stopping = shared.shutdown.is_cancelled();
    let mut response =
        if report.is_ready() && !stopping { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let last = if stopping { "server: unavailable: stopping\n" } else { "" };
    response.insert_header((header::CONTENT_TYPE, TEXT)).body(format!("{report}{last}"))
}

async fn render_metrics(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, metrics::CONTENT_TYPE)).body(shared.metrics.render())
}

/// What is neither a page nor a call.
pub(super) fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((header::CONTENT_TYPE, TEXT))
        .body("not found; there are /health, /ready and /metrics, and the calls of the protocol\n")
}
