//! Tests of the outward errors.

use actix_web::body::MessageBody;

use super::*;

fn answer(error: &ApiError) -> (HttpResponse<()>, GraftErr) {
    let (head, body) = error.error_response().into_parts();
    let body = body.try_into_bytes().expect("the body is in memory");
    (head, GraftErr::decode(body).unwrap())
}

#[test]
fn every_kind_has_the_code_and_status_of_the_protocol() {
    let expected = [
        (ErrorKind::Invalid, 1, 400),
        (ErrorKind::Unauthorized, 4, 401),
        (ErrorKind::Forbidden, 4, 403),
        (ErrorKind::Missing, 2, 404),
        (ErrorKind::Conflict, 3, 409),
        (ErrorKind::Internal, 100, 500),
        (ErrorKind::Unavailable, 101, 503),
        (ErrorKind::Busy, 101, 503),
    ];
    assert_eq!(expected.map(|(kind, _, _)| kind), ErrorKind::ALL);
    for (kind, code, status) in expected {
        let (head, body) = answer(&ApiError::new(kind, "why"));
        assert_eq!((body.code, head.status().as_u16()), (code, status), "{kind:?}");
        assert_eq!(body.message, "why");
        assert_eq!(head.headers().get("content-type").unwrap(), "application/x-protobuf");
        assert_eq!(head.headers().contains_key("retry-after"), status == 503);
    }
}

#[test]
fn the_source_is_kept_for_the_log_and_not_told_to_the_client() {
    let error = ApiError::internal("it failed").with_source(std::io::Error::other("secret path"));
    assert_eq!(Chain(&error).to_string(), "it failed: secret path");
    assert_eq!(answer(&error).1.message, "it failed");
}
