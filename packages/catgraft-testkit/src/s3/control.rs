//! Commands to a double over HTTP with JSON, so that scripts and other processes can drive it.
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `GET /status` | | [`S3Status`](super::S3Status) |
//! | `POST /faults` | [`FaultRule`](super::FaultRule) | `{"id": 1}` |
//! | `DELETE /faults`, `DELETE /faults/1` | | `{}` |
//! | `POST /switches` | those to change, as `{"frozen": true}` | all [`Switches`](super::Switches) |
//! | `POST /latency` | [`Latency`](super::Latency) | it |
//!
//! What can't be done is answered with 400 or 404 and `{"error": "…"}`.

use std::{convert::Infallible, sync::Arc};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{status::S3Status, world::World};

/// No command is longer than this.
const BODY_MAX: usize = 64 * 1024;

/// What commands act on.
pub(super) struct Control {
    pub(super) world: Arc<World>,
    pub(super) url: String,
    pub(super) seed: u64,
}

/// The switches to change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchChange {
    frozen: Option<bool>,
    bucket_gone: Option<bool>,
    credentials_revoked: Option<bool>,
    list_stale: Option<bool>,
}

struct Refused(StatusCode, String);

fn invalid(reason: impl ToString) -> Refused {
    Refused(StatusCode::BAD_REQUEST, reason.to_string())
}

/// Answers one command.
pub(super) async fn answer(
    control: Arc<Control>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, value) = match obey(&control, request).await {
        Ok(value) => (StatusCode::OK, value),
        Err(Refused(status, reason)) => (status, json!({ "error": reason })),
    };
    let mut answer = Response::new(Full::from(format!("{value}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(answer)
}

async fn obey(control: &Control, request: Request<Incoming>) -> Result<Value, Refused> {
    let Control { world, url, seed } = control;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    match (method, path.as_str()) {
        (Method::GET, "/status") => encode(&S3Status::of(world, url, *seed)),
        (Method::POST, "/faults") => {
            let rule = decode(request).await?;
            let id = world.faults.lock().add(rule).map_err(invalid)?;
            Ok(json!({ "id": id }))
        }
        (Method::DELETE, "/faults") => {
            world.faults.lock().clear();
            Ok(json!({}))
        }
        (Method::DELETE, path) if path.starts_with("/faults/") => {
            let id = path.trim_start_matches("/faults/");
            match id.parse().is_ok_and(|id| world.faults.lock().remove(id)) {
                true => Ok(json!({})),
                false => Err(Refused(StatusCode::NOT_FOUND, format!("there is no rule {id}"))),
            }
        }
        (Method::POST, "/switches") => {
            let change: SwitchChange = decode(request).await?;
            encode(&world.switch(|switches| {
                let set = |switch: &mut bool, to: Option<bool>| *switch = to.unwrap_or(*switch);
                set(&mut switches.frozen, change.frozen);
                set(&mut switches.bucket_gone, change.bucket_gone);
                set(&mut switches.credentials_revoked, change.credentials_revoked);
                set(&mut switches.list_stale, change.list_stale);
            }))
        }
        (Method::POST, "/latency") => {
            let latency: super::Latency = decode(request).await?;
            latency.check().map_err(invalid)?;
            world.waits.lock().latency = latency;
            encode(&latency)
        }
        (method, path) => Err(Refused(
            StatusCode::NOT_FOUND,
            format!(
                "{method} {path} is no command: GET /status, POST or DELETE /faults, POST /switches, POST /latency"
            ),
        )),
    }
}

async fn decode<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refused> {
    let body = Limited::new(request.into_body(), BODY_MAX).collect().await.map_err(invalid)?;
    serde_json::from_slice(&body.to_bytes()).map_err(invalid)
}

fn encode(value: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(value).map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
